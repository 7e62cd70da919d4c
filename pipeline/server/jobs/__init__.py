"""Jobs of a server: files of claims, annotated one after the other, and kept on disk until they expire."""
