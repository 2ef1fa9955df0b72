"""Hands units out to the farm's nodes, follows them, and recovers what fails. Knows no Dask and has no clock."""
