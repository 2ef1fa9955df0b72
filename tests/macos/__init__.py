"""macOS on Linux: tests run by a Python that has no more than it has on macOS."""
