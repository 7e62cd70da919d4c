"""Figures and reports of what was measured: for people, programs and papers."""
