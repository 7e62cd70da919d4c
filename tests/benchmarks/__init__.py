"""Benchmarks: ours beside the plain way, in one run. Run with `make bench`."""
