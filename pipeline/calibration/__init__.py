"""Fitting a reranker's probabilities and the nothing-relevant threshold on judged claims."""
