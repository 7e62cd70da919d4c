"""Hard negatives: mined from the index's own first stage."""
