"""A job's scene on a node: its files are listed, fetched, cached, and read frame by frame."""
