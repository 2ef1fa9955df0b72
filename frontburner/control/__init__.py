"""What is wanted of a job that exists: said, heeded, and gone on with."""
