"""Proofs of scenes on nodes."""
