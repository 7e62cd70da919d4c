"""Hard negatives, mined from the first stage of an index."""
