"""Proofs of the storage layer."""
