"""Proofs of chains."""
