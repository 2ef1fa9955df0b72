"""Jobs rendered in a process of their own, which may outlive the process that started it; its output goes to a log."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from frontburner.control.resume import FrameSelection
from frontburner.settings import Settings, environment
from system.processes import start_detached, start_with_parent

if TYPE_CHECKING:
    from frontburner.jobs.job import RenderJob

TAIL_LINES = 5
_ROOT = Path(__file__).resolve().parents[2]
"""Root of this very code: the process must run no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundRun:
    """The process of a job, and its log, in which its own output starts at byte ``log_start``."""

    process: subprocess.Popen[bytes]
    log: Path
    log_start: int

    @property
    def ended(self) -> bool:
        """Whether the process has ended."""
        return self.process.poll() is not None

    def log_tail(self) -> str:
        """Return the last lines of its output."""
        with self.log.open("rb") as log:
            log.seek(self.log_start)
            return "\n".join(log.read().decode(errors="replace").strip().splitlines()[-TAIL_LINES:])


def launch(
    job: RenderJob, selection: FrameSelection | None = None, *, nodes: int = 0, detached: bool = True
) -> BackgroundRun:
    """Start a process that renders a job.

    Parameters
    ----------
    selection
        Frames to render; None is all that are missing.
    nodes
        Nodes it starts on this machine if no farm is running; 0 chooses.
    detached
        Whether it continues when this process ends.
    """
    selection = selection or FrameSelection()
    document = {
        "job": job.model_dump(mode="json"),
        "again": selection.again,
        "only": selection.only,
        "nodes": nodes,
    }
    command = [sys.executable, "-m", "frontburner.cli.render"]
    variables = environment()
    python_path = os.pathsep.join(filter(None, [str(_ROOT), variables.get("PYTHONPATH")]))
    log = Settings().home / "logs" / "jobs" / f"{job.job_id}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        start = start_detached if detached else start_with_parent
        process = start(  # in a group of its own: a terminal's Ctrl-C is for the process that started it
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env={**variables, "PYTHONPATH": python_path},
        )
        log_start = output.tell()
    assert process.stdin is not None
    with process.stdin as pipe:
        pipe.write(json.dumps(document).encode())
    # Collect its exit status even if the caller never asks for it, or it would stay a zombie.
    threading.Thread(target=process.wait, name="launched-job", daemon=True).start()
    return BackgroundRun(process=process, log=log, log_start=log_start)
