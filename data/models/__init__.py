"""The models that ship with the product, each in a folder of its own with its card."""
