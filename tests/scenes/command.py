"""Renders a case with the real command, which starts a farm of two nodes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.scenes.product import Outcome

if TYPE_CHECKING:
    from pathlib import Path

    from tests.scenes.case import Case

REFUSED = 2
TIMEOUT_S = 600


class Command:
    """The command; its pictures go into a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def render(self, case: Case) -> Outcome:
        """Render a case, or find out why it can't be rendered."""
        out = self._folder / case.name
        fields = {"out": out, "exr": "float", "travel": "yes" if case.sent else "auto"} | case.job
        options = [f"--{name.replace('_', '-')}={value}" for name, value in fields.items()]
        command = [sys.executable, "-m", "frontburner.cli", "render", case.scene, "--json", "--nodes=2", *options]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S, env=kept, stdin=subprocess.DEVNULL
        )
        if done.returncode == REFUSED:
            return Outcome(refusal=done.stdout + done.stderr)
        if done.returncode:
            return Outcome(crash=f"exit code {done.returncode}: {done.stdout[-400:]} {done.stderr[-400:]}")
        pictures = sorted(out.glob("*.exr"))
        names = {frame: str(picture.with_suffix("")) for frame, picture in zip(case.frames, pictures, strict=False)}
        return Outcome(pictures=names, notes=tuple(json.loads(done.stdout)["notes"]), lists_files=False)
