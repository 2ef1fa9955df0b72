"""Proofs of a run of a job."""
