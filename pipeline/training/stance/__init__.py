"""Training a stance model."""
