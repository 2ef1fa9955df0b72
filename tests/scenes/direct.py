"""Calls renderers directly, without the product, and notes which files they open."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.scenes.opened_files import STRACE, opened

if TYPE_CHECKING:
    from tests.scenes.case import Case

REPOSITORY = Path(__file__).parents[2]
WORKERS = {"blender": "direct_blender.py", "mitsuba": "direct_mitsuba.py", "povray": "direct_povray.py"}


@dataclass(frozen=True, kw_only=True)
class Direct:
    """What a renderer made of a case by itself.

    Parameters
    ----------
    pictures
        The names of its pictures without suffix, by frame.
    error
        Why there are none.
    opened
        The files it opened, by frame; empty where that can't be found out.
    """

    pictures: dict[int, str] = field(default_factory=dict)
    error: str = ""
    opened: dict[int, set[str]] = field(default_factory=dict)


def render_directly(renderer: str, cases: list[Case], folder: Path, program: tuple[str, ...]) -> dict[str, Direct]:
    """Render cases one after the other in a process of the renderer; if it dies, the next case has a new one."""
    folder.mkdir(parents=True, exist_ok=True)
    remaining, found, attempt = list(cases), {}, 0
    while remaining:
        trace = folder / f"{renderer}.{attempt}.trace"
        answers = _run(renderer, remaining, folder, trace, program)
        files = opened(trace) if trace.exists() else {}
        for case, answer in zip(remaining, answers, strict=False):
            found[case.name] = Direct(
                pictures={int(frame): name for frame, name in answer["pictures"].items()},
                error=answer["error"],
                opened={frame: files.get(f"{case.name}/{frame}", set()) for frame in case.frames},
            )
        if len(answers) < len(remaining):
            found[remaining[len(answers)].name] = Direct(error="the renderer ended without an answer")
        remaining, attempt = remaining[len(answers) + 1 :], attempt + 1
    return found


@cache
def can_trace() -> bool:
    """Whether programs can be traced here: in some containers they can't."""
    return bool(shutil.which("strace")) and not subprocess.run([*STRACE, os.devnull, "true"], check=False).returncode


def _run(renderer: str, cases: list[Case], folder: Path, trace: Path, program: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the answers of one process, until it ends."""
    traced = (*STRACE, str(trace)) if can_trace() else ()
    command = [*traced, *program, str(Path(__file__).with_name(WORKERS[renderer]))]
    lines = "".join(json.dumps(asdict(case) | {"out": str(folder)}) + "\n" for case in cases)
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    with (folder / f"{renderer}.log").open("a") as log:
        done = subprocess.run(
            command, input=lines, stdout=subprocess.PIPE, stderr=log, text=True, env=environment, check=False
        )
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
