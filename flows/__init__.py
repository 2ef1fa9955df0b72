"""Jobs, plans, the cluster and the user."""
