"""Who may come in: certificates the farm makes itself, tokens with roles, and the one port strangers can reach."""
