"""Proofs of the tasks layer: units become pictures, and none is lost or doubled."""
