"""Measurements, each a ratio or a rate taken side by side in one run. ``make bench`` runs them."""
