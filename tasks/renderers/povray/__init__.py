"""POV-Ray: a program, run once for each unit."""
