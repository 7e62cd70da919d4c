"""Running models on this machine: runtimes, precisions, and converted models."""
