"""Model folders: finding them, reading what they declare, and tokenizing text as they say."""
