"""Proofs of the flows."""
