"""Processes: how they are started, watched and ended with all they started."""
