"""Scripts that scenes bring with them: whether they may run on this machine."""

from __future__ import annotations

import os

from tasks.renderers.errors import not_ready

SCRIPTS_VARIABLE = "FRONTBURNER_SCRIPTS"
"""``no``, where a node is started, keeps scripts of scenes from running there, whatever a job says."""


def require_scripts(renderer: str) -> None:
    """Raise `NodeNotReady` if scripts of scenes may not run on this machine."""
    if os.environ.get(SCRIPTS_VARIABLE, "").strip().lower() in ("no", "0", "false"):
        raise not_ready(
            renderer,
            f"Scripts of scenes may not run on this machine ({SCRIPTS_VARIABLE}=no), and the job allows them.",
            "Leave allow_scripts out of the job, or the setting where the node is started.",
        )
