"""From a claim to its ranked evidence."""
