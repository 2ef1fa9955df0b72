"""Notifications about jobs, and the morning report."""
