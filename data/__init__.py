"""Records, readers, writers, the bundled sample and models; imports nothing of the other layers."""
