"""Tests of nodes, schedulers, the arbiter, and what is used of Dask and Prefect."""
