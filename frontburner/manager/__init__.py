"""The manager of a farm that stays: its parts are started, watched, started again and ended as one."""
