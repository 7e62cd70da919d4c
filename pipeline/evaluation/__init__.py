"""Measurement of what each stage retrieves of the relevant documents, with intervals and tests."""
