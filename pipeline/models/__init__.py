"""Models as a search uses them: encoders, rerankers, stance models, and what calibrates their scores."""
