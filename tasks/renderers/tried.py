"""Run a renderer once, to its end or until it has done nothing for long, and return all it said."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from tasks.process.hang_detection import HangDetector, tree_cpu_s
from tasks.renderers.diagnosis.findings import Ending

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TRIAL_S = 120.0
HANG_TIMEOUT_S = 45.0
_LOOK_S = 0.5


def tried(command: Sequence[str], environment: Mapping[str, str], *, most_s: float, still_s: float) -> Ending:
    """Run a command. It is ended, with all it started, when it takes too long or does nothing.

    Raises
    ------
    OSError
        When it can't be started.
    """
    began_s = time.monotonic()
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace", start_new_session=True,
    )  # fmt: skip
    stillness = HangDetector(partial(tree_cpu_s, process.pid), still_s, min(1.0, still_s / 4))
    still = late = False
    with process:
        try:
            while not (still or late):
                with suppress(subprocess.TimeoutExpired):
                    said, _ = process.communicate(timeout=_LOOK_S)
                    break
                now_s = time.monotonic()
                still, late = stillness.hangs(now_s), now_s - began_s > most_s
            else:
                _end(process)
                said, _ = process.communicate()
        except BaseException:
            _end(process)
            raise
    code = None if still or late else process.returncode
    return Ending(code=code, said=said, still=still, after_s=time.monotonic() - began_s)


def _end(process: subprocess.Popen[str]) -> None:
    """End a process and all it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
