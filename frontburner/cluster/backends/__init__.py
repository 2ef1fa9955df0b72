"""Clusters of machines that a farm can run on, one file a kind, each a document that says which and how large."""
