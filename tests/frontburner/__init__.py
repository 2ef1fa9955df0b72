"""Proofs of the flows layer: jobs, planning, dispatch and reports."""
