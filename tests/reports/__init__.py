"""Proofs of reports and charts."""
