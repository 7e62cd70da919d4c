"""Puts this folder on the path: its tests share `tiny_training`."""
