"""The bundled cross-encoder."""
