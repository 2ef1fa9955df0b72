"""The processes a job runs on: Dask nodes and the Prefect server."""
