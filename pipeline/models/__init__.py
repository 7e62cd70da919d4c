"""Models for search: encoders, rerankers, stance models, and the calibration of their scores."""
