"""A workstation that renders stays its owner's: who uses it, and what its owner sees of its node and asks of it."""
