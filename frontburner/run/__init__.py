"""One run of a job: its scene is sent to nodes, its units rendered, its frames finished and its steps shown."""
