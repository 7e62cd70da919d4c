"""Many claims at once: a job that annotates them with their evidence."""
