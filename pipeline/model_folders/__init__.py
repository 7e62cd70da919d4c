"""Model folders: finding them, reading their settings, and tokenizing text with their tokenizers."""
