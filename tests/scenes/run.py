"""Makes the scenes of a group, renders each directly and through the product, and judges it."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.scenes.case import from_json
from tests.scenes.command import Command
from tests.scenes.direct import render_directly
from tests.scenes.judge import CRASHED, WRONG, Verdict, judge
from tests.scenes.product import Product

if TYPE_CHECKING:
    from tests.scenes.case import Case
    from tests.scenes.direct import Direct


@dataclass(frozen=True, kw_only=True)
class Group:
    """Scenes that are made and rendered by one program.

    Parameters
    ----------
    renderer
        The renderer's name.
    recipes
        Which of `tests.scenes.make.GROUPS` are made.
    program
        Runs the scripts that make and render them.
    build
        How the product's builds of it begin.
    """

    renderer: str
    recipes: str
    program: tuple[str, ...] = (sys.executable,)
    build: str = ""


OLD_BLENDER = ("blender", "--background", "--factory-startup", "-noaudio", "--python")
GROUPS = {
    "blender": Group(renderer="blender", recipes="blender", build="5"),
    "imports": Group(renderer="blender", recipes="imports", build="5"),
    "mitsuba": Group(renderer="mitsuba", recipes="mitsuba"),
    "povray": Group(renderer="povray", recipes="povray"),
    "old-blender": Group(renderer="blender", recipes="blender", program=OLD_BLENDER, build="3"),
}


def run_group(name: str, folder: Path, only: list[str], *, quick: bool = False) -> list[Verdict]:
    """Judge the scenes of a group: those with these names, or all."""
    group = GROUPS[name]
    cases = made(group, folder / "made", only, quick=quick)
    direct = render_directly(group.renderer, cases, folder / "direct", group.program)
    product, command = Product(folder / "product", group.build), Command(folder / "command")
    verdicts = [timed(case, product, direct[case.name]) for case in cases]
    product.close()
    if not quick and group.program == (sys.executable,):
        verdicts += [
            replace(found, name=f"{case.name} by command")
            for case in cases
            if case.command
            for found in [timed(case, command, direct[case.name])]
        ]
    return [replace(verdict, group=name) for verdict in verdicts]


def timed(case: Case, product: Product | Command, direct: Direct) -> Verdict:
    """Render a case and judge it."""
    began_s = time.monotonic()
    verdict = judge(case, product.render(case), direct)
    verdict.seconds = round(time.monotonic() - began_s, 2)
    if verdict.verdict in (WRONG, CRASHED):
        print(f"{verdict.verdict}: {case.name} ({case.kind}): {verdict.sentence[:600]}", flush=True)
    return verdict


def made(group: Group, folder: Path, only: list[str], *, quick: bool) -> list[Case]:
    """Make the scenes of a group in a process of its own, since Blender can't be unloaded."""
    folder.mkdir(parents=True)
    script = str(Path(__file__).with_name("make.py"))
    given = [group.recipes, str(folder), "quick" if quick else "all", *only]
    with (folder.parent / "make.log").open("w") as log:
        subprocess.run([*group.program, script, "--", *given], stdout=log, stderr=log, check=True)
    return from_json((folder / "cases.json").read_text())
