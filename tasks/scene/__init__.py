"""A job's scene on a node: its files found, fetched, kept, and read frame by frame."""
