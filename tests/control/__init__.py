"""Tests of the control of jobs."""
