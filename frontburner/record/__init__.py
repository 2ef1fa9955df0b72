"""What happened in a job, kept for good in its store, and how the job stands by it."""
