"""How a machine becomes a node by one command: the command, its scripts, and what the manager gives it to install."""
