"""Training a cross-encoder with two heads, relevance and stance."""
