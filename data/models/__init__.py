"""The bundled models, each in its own folder with its card."""
