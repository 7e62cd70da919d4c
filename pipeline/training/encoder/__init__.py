"""Training a bi-encoder."""
