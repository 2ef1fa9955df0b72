"""The proofs, layer by layer."""
