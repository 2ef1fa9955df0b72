"""The gateway: the one port that people and machines outside the farm reach, behind tokens and permissions."""
