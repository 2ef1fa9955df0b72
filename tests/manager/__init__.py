"""The manager of a farm: its parts as real processes, its decisions as values."""
