"""Clusters that others keep, kept here for a test: a Slurm cluster of this one machine, an SSH server."""
