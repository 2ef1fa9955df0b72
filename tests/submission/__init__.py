"""Tests of the ways to submit a job."""
