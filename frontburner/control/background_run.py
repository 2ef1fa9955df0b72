"""A process of its own for a job: it goes on when whoever started it has ended, and what it says is kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from frontburner.control.resume import Choice
from frontburner.settings import Settings, environment
from tasks.process.lifeline import end_with_parent

if TYPE_CHECKING:
    from frontburner.jobs.job import RenderJob

LAST_LINES = 5
_ROOT = Path(__file__).resolve().parents[2]
"""Where this very code is: the process is to run no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundRun:
    """The process of a job, and its log, in which its own words begin at a byte."""

    process: subprocess.Popen[bytes]
    log: Path
    begin: int

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.process.poll() is not None

    def last_words(self) -> str:
        """Return the end of what it said."""
        with self.log.open("rb") as log:
            log.seek(self.begin)
            return "\n".join(log.read().decode(errors="replace").strip().splitlines()[-LAST_LINES:])


def launch(job: RenderJob, choice: Choice | None = None, *, nodes: int = 0, stays: bool = True) -> BackgroundRun:
    """Start a process that renders a job.

    Parameters
    ----------
    choice
        What of the job it is for; None is all that is missing.
    nodes
        Nodes it starts on this machine where no farm runs; 0 chooses.
    stays
        Whether it goes on when this process ends.
    """
    chosen = choice or Choice()
    told = {
        "job": job.model_dump(mode="json"),
        "again": chosen.again,
        "only": chosen.only,
        "nodes": nodes,
    }
    command = [sys.executable, "-m", "frontburner.cli.launched"]
    own = environment()
    path = os.pathsep.join(filter(None, [str(_ROOT), own.get("PYTHONPATH")]))
    log = Settings().home / "logs" / "jobs" / f"{job.job_id}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as said:
        process = subprocess.Popen(
            command if stays else end_with_parent(command),
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=said,
            env={**own, "PYTHONPATH": path},
            start_new_session=True,  # a terminal's Ctrl-C is for whoever started it
        )
        begin = said.tell()
    assert process.stdin is not None
    with process.stdin as pipe:
        pipe.write(json.dumps(told).encode())
    # Somebody must take its exit code, also where its starter never asks for it.
    threading.Thread(target=process.wait, name="launched-job", daemon=True).start()
    return BackgroundRun(process=process, log=log, begin=begin)
