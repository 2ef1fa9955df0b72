"""Tests of reports and charts."""
