"""Making models out of judged claims."""
