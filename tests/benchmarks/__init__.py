"""Benchmarks of speed (`make bench`) and quality (`make regress`)."""
