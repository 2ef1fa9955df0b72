"""Jobs and commands that depend on each other, in one document."""
