"""Model folders on disk: where a model lies, what it declares, and how its texts become token ids."""
