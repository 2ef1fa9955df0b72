"""Benchmarks: each measures a ratio or a rate within one run. ``make bench`` runs them."""
