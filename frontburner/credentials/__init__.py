"""Who somebody is and what they may do: the farm's certificate authority, tokens with roles, and permissions."""
