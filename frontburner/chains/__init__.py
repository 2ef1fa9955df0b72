"""Chains: jobs and commands that depend on each other, in one document, run as one flow."""
