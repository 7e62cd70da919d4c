"""The bundled bi-encoder."""
