"""Proofs of planning."""
