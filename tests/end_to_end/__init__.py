"""Proofs through the front door: the command, as its user types it, on real processes."""
