"""Proofs of records and how jobs stand."""
