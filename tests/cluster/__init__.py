"""Proofs of nodes, schedulers and the arbiter."""
