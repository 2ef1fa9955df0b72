"""Ways to give Frontburner a job."""
