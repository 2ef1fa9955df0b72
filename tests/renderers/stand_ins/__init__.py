"""Programs that take the place of renderers that can't be installed: they check how they are called."""
