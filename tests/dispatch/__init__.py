"""Proofs of the dispatcher."""
