"""The manager of a permanent farm: starts, watches, restarts and stops its services as one."""
