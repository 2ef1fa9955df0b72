"""Programs that this process starts: in groups that end as a whole, and with this process however it ends."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from system.windows.processes import (
        KILLED,
        ask_for_death_signal,
        began_s_of,
        contain_children,
        end_group,
        guarded,
        has_ended,
        kill,
        notify_systemd,
        passed_on,
        replace_process,
        start_detached,
        start_group,
        start_resource_tracker,
        start_with_parent,
        wait,
    )
else:
    from system.posix.processes import (
        KILLED,
        ask_for_death_signal,
        began_s_of,
        contain_children,
        end_group,
        guarded,
        has_ended,
        kill,
        notify_systemd,
        passed_on,
        replace_process,
        start_detached,
        start_group,
        start_resource_tracker,
        start_with_parent,
        wait,
    )

__all__ = [
    "KILLED", "ask_for_death_signal", "began_s_of", "contain_children", "end_group", "guarded", "has_ended", "kill",
    "notify_systemd", "passed_on", "replace_process", "start_detached", "start_group", "start_resource_tracker",
    "start_with_parent", "wait",
]  # fmt: skip
