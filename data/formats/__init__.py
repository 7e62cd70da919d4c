"""File formats: from a source's name to its records."""
