"""Faults at random moments of real jobs, and what they did to the pictures."""
