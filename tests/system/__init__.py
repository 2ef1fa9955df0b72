"""The same functions on every system."""
