"""Search settings chosen on judged claims."""
