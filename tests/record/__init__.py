"""Tests of records and job status."""
