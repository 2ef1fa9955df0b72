"""Tests of clusters, each started here for the test: a Slurm cluster of this one machine, SSH servers, local nodes."""
