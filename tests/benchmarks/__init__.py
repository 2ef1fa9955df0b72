"""Proofs of what the benchmarks work out from their runs, without any."""
