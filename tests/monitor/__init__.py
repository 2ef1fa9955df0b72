"""Proofs of the monitor: its folds, its answers, and its page in a real browser."""
