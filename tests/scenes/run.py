"""Makes the scenes of a group, renders each directly and through the product, and judges it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.scenes.case import from_json
from tests.scenes.command import Command
from tests.scenes.direct import REPOSITORY, render_directly
from tests.scenes.judge import CRASHED, WRONG, Verdict, judge
from tests.scenes.product import Product

if TYPE_CHECKING:
    from pathlib import Path

    from tests.scenes.case import Case
    from tests.scenes.direct import Direct

GROUPS_OF_RENDERERS = {"blender": "blender", "imports": "blender", "mitsuba": "mitsuba", "povray": "povray"}
"""The renderer of each group."""


def run_group(group: str, folder: Path, only: list[str], *, quick: bool = False) -> list[Verdict]:
    """Judge the scenes of a group: those with these names, or all."""
    cases = made(group, folder / "made", only, quick=quick)
    direct = render_directly(GROUPS_OF_RENDERERS[group], cases, folder / "direct")
    product, command = Product(folder / "product"), Command(folder / "command")
    verdicts = [timed(case, product, direct[case.name]) for case in cases]
    product.close()
    if not quick:
        verdicts += [
            replace(found, name=f"{case.name} by command")
            for case in cases
            if case.command
            for found in [timed(case, command, direct[case.name])]
        ]
    return verdicts


def timed(case: Case, product: Product | Command, direct: Direct) -> Verdict:
    """Render a case and judge it."""
    began_s = time.monotonic()
    verdict = judge(case, product.render(case), direct)
    verdict.seconds = round(time.monotonic() - began_s, 2)
    if verdict.verdict in (WRONG, CRASHED):
        print(f"{verdict.verdict}: {case.name} ({case.kind}): {verdict.sentence[:600]}", flush=True)
    return verdict


def made(group: str, folder: Path, only: list[str], *, quick: bool) -> list[Case]:
    """Make the scenes of a group in a process of its own, since Blender can't be unloaded."""
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "tests.scenes.make", group, str(folder), "quick" if quick else "all", *only]
    with (folder.parent / "make.log").open("w") as log:
        subprocess.run(command, cwd=REPOSITORY, env=os.environ, stdout=log, stderr=log, check=True)
    return from_json((folder / "cases.json").read_text())
