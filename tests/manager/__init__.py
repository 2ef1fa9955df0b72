"""The manager of a farm: its services as real processes, its decisions as values."""
