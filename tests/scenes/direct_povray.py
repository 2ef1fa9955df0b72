"""Renders scenes with POV-Ray's own command, each whole, on one thread.

Reads a case a line from standard input, and answers each with a line. Options of a case's ``direct``:

``options`` for the command, besides size and samples
``grid``    rays along a pixel's side
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.scenes.opened_files import mark


def main() -> None:
    """Answer each line until there are no more."""
    for line in sys.stdin:
        case = json.loads(line)
        try:
            answer = {"pictures": render(case, Path(case["out"])), "error": ""}
        except (RuntimeError, OSError) as error:
            answer = {"pictures": {}, "error": str(error)}
        print(json.dumps(answer), flush=True)


def render(case: dict[str, Any], out: Path) -> dict[int, str]:
    """Render the frames of a case; returns the names of their pictures without suffix."""
    scene, job, how, pictures = Path(case["scene"]), case["job"], case["direct"], {}
    options = ["+FE", "-D", "+WT1", *how.get("options", [])]
    if "size" in job:
        width, height = job["size"].split("x")
        options += [f"+W{width}", f"+H{height}"]
    if grid := how.get("grid", 0):
        options += ["-A"] if grid == 1 else ["+A0.0", "+AM1", f"+R{grid}", "-J"]
    for frame in case["frames"]:
        mark(f"{case['name']}/{frame}")
        folder = out / f"{case['name']}.{frame}"
        folder.mkdir()
        own = [f"+SF{frame}", f"+EF{frame}"] if scene.suffix == ".ini" else [f"+I{scene.name}"]
        first = [scene.name] if scene.suffix == ".ini" else []
        command = ["povray", *first, *own, *options, f"+O{folder}/p.exr"]
        done = subprocess.run(command, cwd=scene.parent, capture_output=True, text=True, timeout=300, check=False)
        written = list(folder.glob("*.exr"))
        if done.returncode or not written:
            raise RuntimeError(done.stderr[-400:])
        written[0].rename(f"{folder}.exr")
        pictures[frame] = str(folder)
    mark("")
    return pictures


if __name__ == "__main__":
    main()
