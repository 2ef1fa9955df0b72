"""Tests of how benchmarks evaluate their runs."""
