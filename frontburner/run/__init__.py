"""One run of a job: its scene brought to nodes, its units rendered, its frames finished, its steps shown."""
