"""Fact-checking evidence retriever: a claim goes in, the sentences of your corpus that bear on it come out, ranked."""
