"""Tests of notifications, conditions, schedules and the morning report."""
