"""Who somebody is and what they may do: certificates the farm makes itself, tokens with roles, permissions."""
