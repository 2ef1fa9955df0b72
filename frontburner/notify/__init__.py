"""Nights: jobs by schedule, on conditions, and what is told of them in the morning."""
