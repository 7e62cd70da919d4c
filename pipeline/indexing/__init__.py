"""Building, extending and renewing an index."""
