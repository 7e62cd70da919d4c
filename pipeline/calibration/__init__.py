"""Calibration: a reranker's probabilities fitted to judged claims, and measured."""
