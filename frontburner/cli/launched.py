"""Render the job told on standard input: what `frontburner.control.background_run` starts."""

from __future__ import annotations

import json
import sys

from frontburner.cli.render import run_job
from frontburner.control.resume import FrameSelection
from frontburner.jobs.job import make_job


def main() -> int:
    """Render it; returns the command's exit code."""
    told = json.load(sys.stdin)
    choice = FrameSelection(again=told["again"], only=told["only"])
    return run_job(lambda: make_job(told["job"]), nodes=told["nodes"], choice=choice)


if __name__ == "__main__":
    sys.exit(main())
