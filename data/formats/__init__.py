"""File formats: from the name of a source to its records."""
