"""Proofs of the gateway and credentials."""
