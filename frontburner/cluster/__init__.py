"""Dask nodes and schedulers, the arbiter between jobs, and the Prefect server of a command."""
