"""Proofs of nodes."""
