"""Ways to give jobs to a farm: from Python, from a watched folder, through a gateway, by schedule."""
