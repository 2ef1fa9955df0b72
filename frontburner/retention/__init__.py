"""What is kept and for how long: retention of stores, scenes that were dropped, and backups of the farm."""
