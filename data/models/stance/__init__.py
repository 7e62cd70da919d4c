"""The bundled stance model."""
