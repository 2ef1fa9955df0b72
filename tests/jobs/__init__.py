"""Proofs of the job document and its layout."""
