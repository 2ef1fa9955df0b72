"""Prefect flows: a render job, a chain of jobs and commands, and the morning report."""
