"""Jobs that find evidence for a file of claims."""
