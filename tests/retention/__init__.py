"""Tests of retention and backups."""
