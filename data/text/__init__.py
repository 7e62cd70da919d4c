"""Texts: cleaning, normalising and splitting them."""
