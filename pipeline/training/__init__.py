"""Training of models on judged claims."""
