"""A server that keeps indexes and models warm: answers over HTTP, for the desk in a browser and for programs."""
