"""Proofs of pictures."""
