"""Render scenes of all kinds through the product and by their renderers directly, and judge each.

The result is in ``build/scenes.json``; the exit code says whether a picture was wrong or anything crashed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from tests.scenes.judge import CRASHED, REFUSED, RIGHT, WRONG, Verdict
from tests.scenes.run import GROUPS, run_group

RESULT = Path("build/scenes.json")


def main() -> int:
    """Judge the scenes, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="names of scenes; * stands for any text")
    parser.add_argument("--group", nargs="*", default=installed(), choices=list(GROUPS))
    parser.add_argument("--folder", type=Path, help="keep scenes and pictures in this folder, which is emptied first")
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="scenes-"))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ |= {"FRONTBURNER_CACHE": str(folder / "cache"), "FRONTBURNER_HOME": str(folder / "home")}
    time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda group: run_group(group, folder / group, given.only), given.group))
    verdicts = [verdict for group in found for verdict in group]
    report = summary(verdicts)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(report | {"each": [asdict(verdict) for verdict in verdicts]}, indent=1))
    print(json.dumps(report))
    if not given.folder:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if report[WRONG] or report[CRASHED] else 0


def installed() -> list[str]:
    """Return the groups whose programs are installed."""
    return [name for name, group in GROUPS.items() if shutil.which(group.program[0])]


def summary(verdicts: list[Verdict]) -> dict[str, int]:
    """Count verdicts."""
    counts = {name: sum(each.verdict == name for each in verdicts) for name in (RIGHT, REFUSED, WRONG, CRASHED)}
    files = {
        name: sum(len(getattr(each, name)) for each in verdicts) for name in ("opened_not_listed", "listed_not_opened")
    }
    return {"scenes": len(verdicts)} | counts | files


if __name__ == "__main__":
    sys.exit(main())
