"""How processes are started, watched and ended, with all they have started."""
