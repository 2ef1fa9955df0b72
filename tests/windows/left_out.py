"""Tests that Windows' Python can't run here, each with its reason; all of them run on Linux."""

LEFT_OUT: dict[str, str] = {}
"""Reasons by the beginning of a test's id."""


def why_left_out(test: str) -> str | None:
    """Return the reason why a test can't run here, by its id."""
    return next((reason for beginning, reason in LEFT_OUT.items() if test.startswith(beginning)), None)
