"""Measuring: what each stage retrieves of what was judged relevant, and how sure that is."""
