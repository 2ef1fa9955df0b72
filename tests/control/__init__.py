"""Proofs of what is wanted of jobs."""
