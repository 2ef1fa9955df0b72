"""Imported by a node before it takes work: what it would otherwise load while a job waits."""

import prefect  # noqa: F401

import tasks.steps  # noqa: F401
