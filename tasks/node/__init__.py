"""What a node does: units rendered in a process of their own, stored and reported; and whether it is ready to."""
