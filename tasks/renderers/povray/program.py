"""POV-Ray's program: where it is, the command for a unit, and its known failures."""

from __future__ import annotations

import math
import os
import shutil
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from system.software import of_system
from tasks.renderers.errors import not_ready
from tasks.renderers.program.failures import Failure, out_of_memory
from tasks.renderers.program.flags import ask_version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.renderers.povray.options import Options
    from tasks.spec import FrameSpec, UnitSpec

NAME = "POV-Ray"
VARIABLE = "FRONTBURNER_POVRAY"
MAX_SAMPLES = 81
"""Its grid of samples in a pixel is at most 9 × 9."""
OUTPUT = "unit.exr"
SCENE_LINK, LIBRARY_LINK = "scene.pov", "library"
TREE_LINK, COPIES = "frontburner-tree", "frontburner-copies"

FAILURES = (
    Failure(
        pattern=r"File '(?P<file>[^']*)' line (?P<line>\d+): Parse Error: Cannot open include file (?P<name>.*?)\.?$",
        cause="The scene is wrong: {file}, line {line}, includes {name}, which can't be found.",
        remedy="Put it in the scene's folder or one of its library paths, or correct the name.",
        scene=True,
    ),
    Failure(
        pattern=r"File '(?P<file>[^']*)' line (?P<line>\d+): Possible Parse Error: Cannot find file '(?P<name>[^']*)'",
        cause="The scene is wrong: {file}, line {line}, names the file {name}, which can't be found.",
        remedy="Put it in the scene's folder or one of its library paths, or correct the name.",
        scene=True,
    ),
    Failure(
        pattern=r"File '(?P<file>[^']*)' line (?P<line>\d+): Parse Error: (?P<says>.*?)\.?$",
        cause="The scene is wrong: {file}, line {line}: {says}.",
        remedy="Correct the scene.",
        scene=True,
    ),
    Failure(
        pattern=r"File '(?P<file>[^']*)' line (?P<line>\d+): Possible Parse Error: (?P<says>.*?)\.?$",
        cause="The scene is wrong: {file}, line {line}: {says}.",
        remedy="Correct the scene, or the file it names there.",
        scene=True,
    ),
    Failure(
        pattern=r"I/O restrictions prohibit (?P<what>.*)",
        cause="This node's POV-Ray may not open a file of the scene: its I/O restrictions prohibit {what}.",
        remedy="Permit the folder in /etc/povray/3.7/povray.conf on the node ([Permitted Paths]).",
        retryable=True,
    ),
    out_of_memory(NAME, r"out of memory|cannot allocate memory|bad_alloc"),
    Failure(
        pattern=r"No space left on device|^(.*what\(\):\s+)?Cannot access data in file",
        cause="POV-Ray couldn't write its picture.",
        remedy="The disk with the node's temporary files is probably full: free some space.",
        retryable=True,
    ),
    Failure(
        pattern=r"(?P<says>(Problem with option setting|Failed to parse command-line option|Fatal error in .*))",
        cause="POV-Ray refused to render: {says}.",
        remedy="See the renderer's log.",
    ),
)
INSTALL = of_system(
    linux="Install it (apt-get install povray povray-includes)",
    macos="Install it (brew install povray)",
    windows="Leave it to Linux nodes, as POV-Ray for Windows can't be used without its window",
)
PROGRESS = r"^Rendered \d+ of \d+ pixels \((\d+)%\)$"
BEGINS = r"^==== \[Rendering"
CONTINUES = r"^ (?=\S)"
COLUMNS = 80
"""It breaks its messages there, and starts the next line with a blank unless it continues a word."""


def executable() -> Path:
    """Return where POV-Ray is. Raises `NodeNotReady`."""
    named = os.environ.get(VARIABLE)
    found = shutil.which(named or "povray")
    if not found:
        reason = f"{VARIABLE} names {named}, which can't be run." if named else "POV-Ray isn't installed."
        remedy = f"{INSTALL}, or name its program in {VARIABLE}."
        raise not_ready("povray", reason, remedy)
    return Path(found).resolve()


def version(program: Path) -> str:
    """Return its version, such as ``3.7.0.10.unofficial``; empty when it doesn't print one."""
    return ask_version(program, "--version", r"POV-Ray (\d\S*)")


@cache
def include_folders(program: Path) -> tuple[Path, ...]:
    """Return the folders of the include files, maps and fonts that come with POV-Ray."""
    short = ".".join(version(program).split(".")[:2])
    roots = [program.parent.parent / "share", Path("/usr/local/share"), Path("/usr/share")]
    folders = [root / f"povray-{short}" for root in dict.fromkeys(roots)]
    return tuple(folder / part for folder in folders for part in ("", "include") if (folder / part).is_dir())


def environment() -> dict[str, str]:
    """Return the variables it is run with, so that options and restrictions of the node's user don't apply.

    Restrictions permit reading the home folder and writing the working folder. Scenes may be anywhere.
    """
    return {"POVINI": "none.ini", "HOME": "/"}


def prepare(folder: Path, options: Options, includes: Sequence[Path]) -> list[Path]:
    """Put links to the scene and its folders into the working folder; return the links to folders.

    Its command line allows no blanks and only ASCII. It needs a file of options, though ours are all on the command
    line.
    """
    (folder / "none.ini").write_text("Display=Off\n", encoding="utf-8")
    (folder / SCENE_LINK).symlink_to(options.scene.absolute())
    links = []
    for number, target in enumerate((options.folder, *options.libraries, *includes, *options.beside)):
        links.append(Path(f"{LIBRARY_LINK}{number}"))
        (folder / links[-1]).symlink_to(target.absolute(), target_is_directory=True)
    return links


def command(program: Path, unit: UnitSpec, options: Options, links: Sequence[Path], *, threads: int) -> list[str]:
    """Return the command for a unit, to be run in a prepared folder."""
    frame, region = unit.frame, unit.region
    return [
        str(program),
        f"+I{SCENE_LINK}", f"+O{OUTPUT}", "+FE", "+UA" if options.alpha else "-UA",
        f"+W{frame.size.width}", f"+H{frame.size.height}",
        f"+SC{region.x0 + 1}", f"+EC{region.x1}", f"+SR{region.y0 + 1}", f"+ER{region.y1}",
        f"+WT{threads}", "-D", "-GS", "-GR",
        *(f"+L{link}" for link in links),
        *(f"{name}={value}" for name, value in options.passed_on.items()),
        *_declared(frame, options), *_sampling(frame.samples),
    ]  # fmt: skip


def _declared(frame: FrameSpec, options: Options) -> list[str]:
    parameters = {**options.declared, **dict(frame.parameters)}
    parameters.pop("clock", None)
    return [f"Declare={name}={value}" for name, value in parameters.items()]


def _sampling(samples: int) -> list[str]:
    """Sample every pixel on an even grid: adaptive sampling compares neighbours, which differ in regions."""
    if samples == 1:
        return ["-A"]
    return ["+A0.0", "+AM1", f"+R{math.isqrt(samples - 1) + 1}", "-J"]


def clock(frame: FrameSpec, options: Options, *, uses_frame_number: bool) -> list[str]:
    """Return the options for the clock and the frame number.

    Parameters
    ----------
    uses_frame_number
        Whether the scene uses ``frame_number``.
    """
    given = dict(frame.parameters).get("clock")
    if options.animated and given is None:
        return [
            f"+KFI{options.initial_frame}", f"+KFF{options.final_frame}", f"+KI{options.initial_clock:.9g}",
            f"+KF{options.final_clock:.9g}", "+KC" if options.cyclic else "-KC", f"+SF{frame.frame}",
            f"+EF{frame.frame}",
        ]  # fmt: skip
    value = options.clock if given is None else float(given)
    if uses_frame_number and (
        frame.frame or given is not None
    ):  # a sequence of two frames with the same clock, of which the first is rendered
        first, last = f"+KFI{frame.frame}", f"+KFF{frame.frame + 1}"
        return [first, last, f"+KI{value:.9g}", f"+KF{value:.9g}", f"+SF{frame.frame}", f"+EF{frame.frame}"]
    return [f"+K{value:.9g}"] if value or given is not None else []
