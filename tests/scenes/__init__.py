"""Scenes of all kinds, each rendered through the product and by its renderer directly: ``python -m tests.scenes``."""
