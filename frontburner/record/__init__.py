"""The durable record of a job in its store, and the status that follows from it."""
