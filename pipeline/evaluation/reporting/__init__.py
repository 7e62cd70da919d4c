"""Figures and reports: text, JSON, CSV, LaTeX and HTML."""
