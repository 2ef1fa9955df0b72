"""Nights: letters, conditions, schedules and what is told in the morning."""
