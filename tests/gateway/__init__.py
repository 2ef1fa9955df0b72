"""Tests of the gateway and of credentials."""
