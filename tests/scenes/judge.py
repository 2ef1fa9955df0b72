"""Compares the product's pictures and files with the renderer's own, and gives a verdict."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tests.scenes.picture_file import read

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from tests.scenes.case import Case
    from tests.scenes.direct import Direct
    from tests.scenes.product import Outcome

RIGHT, REFUSED, WRONG, CRASHED = "right", "refused", "wrong", "crashed"
LINEAR = 2e-5
"""Sums of two ranges of samples are rounded otherwise than one of both."""
PNG_STEPS = 1
"""Steps of 255 that a PNG may differ: Blender's own is dithered."""
NOISE = 6.0
"""Standard errors that the mean of a block of pixels may be off, where noise is compared."""
BLOCK_PX = 6
HARMLESS = "^Its own frames are"
"""Notes that any scene may have."""


@dataclass(kw_only=True)
class Verdict:
    """What came of a case, and why."""

    name: str
    kind: str
    verdict: str
    group: str = ""
    difference: float = 0.0
    """Largest difference of linear values; in standard errors where noise is compared."""
    png_difference: int = 0
    sentence: str = ""
    opened_not_listed: list[str] = field(default_factory=list)
    listed_not_opened: list[str] = field(default_factory=list)
    seconds: float = 0.0


def judge(case: Case, outcome: Outcome, direct: Direct) -> Verdict:
    """Give a verdict on a case."""
    verdict = Verdict(name=case.name, kind=case.kind, verdict=RIGHT)
    if outcome.crash:
        verdict.verdict, verdict.sentence = CRASHED, outcome.crash
    elif outcome.refusal:
        expected = re.search(case.refused, outcome.refusal) if case.refused else direct.error
        verdict.verdict, verdict.sentence = REFUSED if expected else WRONG, outcome.refusal
    elif fault := _fault(case, outcome, direct, verdict):
        verdict.verdict, verdict.sentence = WRONG, fault
    return verdict


def _fault(case: Case, outcome: Outcome, direct: Direct, verdict: Verdict) -> str:
    """Say what is wrong with what was rendered; empty if it is right."""
    if case.refused:
        return f"rendered, and should have been refused with /{case.refused}/"
    if direct.error:
        return f"the renderer itself fails ({direct.error}), and this doesn't"
    if set(outcome.pictures) != set(case.frames):
        return f"frames {sorted(outcome.pictures)} were rendered, not {list(case.frames)}"
    faults = [_picture_fault(case, frame, outcome, direct, verdict) for frame in case.frames]
    if case.said and not any(re.search(case.said, note) for note in outcome.notes or [""]):
        faults.append(f"no note says /{case.said}/ among {list(outcome.notes)}")
    expected = f"{case.said}|{HARMLESS}" if case.said else HARMLESS
    if needless := [note for note in outcome.notes if not re.search(expected, note)]:
        faults.append(f"says needlessly {needless}")
    faults.append(_file_fault(case, outcome, direct, verdict))
    return "; ".join(filter(None, faults))


def _picture_fault(case: Case, frame: int, outcome: Outcome, direct: Direct, verdict: Verdict) -> str:
    ours, theirs = read(f"{outcome.pictures[frame]}.exr"), read(f"{direct.pictures[frame]}.exr")
    if ours.shape != theirs.shape:
        return f"frame {frame} has {ours.shape[1]}x{ours.shape[0]} pixels, not {theirs.shape[1]}x{theirs.shape[0]}"
    if colour := case.colours.get(str(frame)):
        middle = ours[ours.shape[0] // 2, ours.shape[1] // 2, :3]
        if np.abs(middle - colour).max() > 0.1:
            return f"the middle of frame {frame} is {np.round(middle, 2).tolist()}, not {list(colour)}"
    if "seeds" in case.direct:
        opaque = theirs[..., 3] >= 1
        if not (read(f"{outcome.pictures[frame]}.png")[opaque, 3] == 1).all():
            return f"the PNG of frame {frame} is transparent where the film is not"
        return _noise_fault(frame, ours, theirs, read(f"{direct.pictures[frame]}.error.exr"), verdict)
    difference = float((np.abs(ours - theirs) / np.maximum(1.0, np.abs(theirs))).max())
    verdict.difference = max(verdict.difference, difference)
    if difference > float(case.direct.get("tolerance", LINEAR)):
        return f"frame {frame} differs by {difference:.2g}"
    own = Path(f"{direct.pictures[frame]}.png")
    return _png_fault(frame, outcome.pictures[frame], own, verdict) if own.exists() else ""


def _png_fault(frame: int, ours: str, own: Path, verdict: Verdict) -> str:
    a, b = read(f"{ours}.png"), read(str(own))
    difference = round(float(np.abs(a - b).max()) * 255)
    verdict.png_difference = max(verdict.png_difference, difference)
    return f"the PNG of frame {frame} differs by {difference}/255" if difference > PNG_STEPS else ""


def _noise_fault(
    frame: int,
    ours: npt.NDArray[np.float32],
    theirs: npt.NDArray[np.float32],
    error: npt.NDArray[np.float32],
    verdict: Verdict,
) -> str:
    """Compare means of blocks of pixels; ``error`` has the standard error of each pixel's difference."""
    off = _blocks(ours - theirs) / (np.sqrt(_blocks(error**2)) / BLOCK_PX + 1e-3 + 0.01 * np.abs(_blocks(theirs)))
    difference = float(np.abs(off).max())
    verdict.difference = max(verdict.difference, difference)
    return f"frame {frame} differs by {difference:.1f} standard errors" if difference > NOISE else ""


def _blocks(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the means of blocks inside the picture; its edge is left out, where filters may differ."""
    height, width = (length // BLOCK_PX * BLOCK_PX for length in values.shape[:2])
    rows = values[:height, :width].reshape(height // BLOCK_PX, BLOCK_PX, width // BLOCK_PX, BLOCK_PX, -1)
    return np.asarray(rows.mean((1, 3))[1:-1, 1:-1])


def _file_fault(case: Case, outcome: Outcome, direct: Direct, verdict: Verdict) -> str:
    """Compare the files that were opened with those that were listed."""
    if not (outcome.lists_files and any(direct.opened.values())):
        return ""
    root = os.path.realpath(str(_root(case)))

    def inside(paths: Iterable[str]) -> set[str]:
        real = (os.path.realpath(path) for path in paths)
        return {os.path.relpath(path, root) for path in real if path.startswith(root)}

    opened = {frame: inside(files) for frame, files in direct.opened.items()}
    if "play" in case.direct:  # opened once, for all frames
        opened = dict.fromkeys(case.frames, set().union(*opened.values()))
    listed = {frame: inside(outcome.listed.get(frame, ())) for frame in case.frames}
    missing = set().union(*(opened[frame] - listed[frame] for frame in case.frames))
    more = set().union(*(listed[frame] - opened[frame] for frame in case.frames))
    verdict.opened_not_listed, verdict.listed_not_opened = (
        sorted(path for path in paths if not any(fnmatch(path, each) for each in case.spare))
        for paths in (missing, more)
    )
    said = [f"{word}: {', '.join(files)}" for word, files in (
        ("opened and not listed", verdict.opened_not_listed), ("listed and not opened", verdict.listed_not_opened)
    ) if files]  # fmt: skip
    return "; ".join(said)


def _root(case: Case) -> Path:
    """Return the folder below which the case's files are."""
    scene = Path(case.scene)
    return next((parent for parent in scene.parents if parent.parent.name == "made"), scene.parent)
