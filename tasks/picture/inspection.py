"""Finds faults in pictures by their pixels, each compared with its neighbours. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt

    from tasks.picture.figures import Figures

BLACK = 1e-3
"""No pixel of a black picture is brighter than this."""
ONE_COLOUR = 1e-3
"""No pixels of a picture of one colour differ by a larger part."""
MAGENTA = 0.005
"""The part of a picture that has to be magenta: a smaller one may be anything."""
FADE_STEP, FADE_RISE = 0.35, 1.2
"""A fade's first step is at most this part of the usual light, and its second adds at least this much to it."""
FEW = 3
"""Of more frames in a row with the same fault, it is told once."""
FIREFLIES_FACTOR, FIREFLIES_MIN = 5.0, 10
"""A frame is flagged if it has more fireflies than the median frame by this factor, and more than this number."""
FLICKER_STOPS, FLICKER_FACTOR = 0.1, 4.0
"""A frame flickers if it differs from both neighbours by this many stops, and by this factor more than they differ."""
_INTENDED_DUPLICATES = 0.25
"""If more than this fraction of the frames are duplicates, the animation holds or loops."""
_DARK = 1e-3
_SAMPLE = 256
"""Frames that are enough to see what is usual."""


class Fault(StrEnum):
    """What may be wrong with a frame, the most severe first."""

    MISSING = "missing"
    DAMAGED = "damaged"
    NOT_FINITE = "not a number"
    BLACK = "black"
    ONE_COLOUR = "one colour"
    MAGENTA = "magenta"
    DUPLICATE = "duplicate"
    FLICKER = "flicker"
    FIREFLIES = "fireflies"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A flagged frame: its fault, a sentence about it, and frames after it that are flagged by the same sentence."""

    frame: int
    fault: Fault
    sentence: str
    others: tuple[int, ...] = ()


def all_frames(flagged: Sequence[Finding]) -> tuple[int, ...]:
    """Return the frames that are flagged, in order."""
    return tuple(sorted(frame for finding in flagged for frame in (finding.frame, *finding.others)))


def fault_of(figures: Figures, images: Sequence[str] = ()) -> tuple[Fault, str] | None:
    """Return what is wrong with a picture by itself, and a sentence about it; None if nothing is.

    Parameters
    ----------
    images
        The scene's images, if its renderer draws those it can't read in magenta.
    """
    if figures.bad_px:
        return Fault.NOT_FINITE, f"{figures.bad_px} pixel{'' if figures.bad_px == 1 else 's'} infinite or not a number"
    if figures.brightest <= BLACK:
        return Fault.BLACK, f"black: its brightest pixel is {figures.brightest:.4f}"
    if figures.spread is not None and figures.spread <= ONE_COLOUR:
        return Fault.ONE_COLOUR, "all pixels have the same colour"
    if images and figures.magenta >= MAGENTA:
        more = f" and {len(images) - FEW} more" if len(images) > FEW else ""
        named = f"its images are {', '.join(images[:FEW])}{more}" if len(images) > 1 else f"its image is {images[0]}"
        return Fault.MAGENTA, f"{figures.magenta:.1%} magenta, as an image that can't be read is drawn; {named}"
    return None


def findings(measured: Mapping[int, Figures], images: Sequence[str] = ()) -> tuple[Finding, ...]:
    """Flag the frames of a sequence that are faulty or unlike their neighbours, each for the most severe fault.

    Parameters
    ----------
    images
        As in `fault_of`.
    """
    measured = dict(sorted(measured.items()))
    alone = {frame: fault for frame, figures in measured.items() if (fault := fault_of(figures, images))}
    empty = {frame for frame, (fault, _) in alone.items() if fault is not Fault.MAGENTA}
    rest = {frame: figures for frame, figures in measured.items() if frame not in empty}
    jumps = _jumps(rest)
    told = list(_told(measured, alone))
    found = {frame: finding for finding in told for frame in (finding.frame, *finding.others)}
    unlike = (*_duplicates(rest, jumps), *_flickers(jumps), *_too_many_fireflies(rest))
    told += [finding for finding in unlike if found.setdefault(finding.frame, finding) is finding]
    return tuple(sorted(told, key=lambda finding: finding.frame))


def _told(measured: Mapping[int, Figures], alone: Mapping[int, tuple[Fault, str]]) -> Iterator[Finding]:
    """Yield the faults of frames by themselves, but those of fades, and each that many frames in a row have once."""
    frames = list(measured)
    for kind, run in groupby(range(len(frames)), lambda index: _kind(alone.get(frames[index]))):
        indices = list(run)
        first, last = indices[0], indices[-1]
        if kind is None or (kind in (Fault.BLACK, Fault.ONE_COLOUR) and _is_fade(measured, alone, indices)):
            continue
        if kind is Fault.NOT_FINITE or len(indices) <= FEW:
            for frame in frames[first : last + 1]:
                yield Finding(frame=frame, fault=kind, sentence=alone[frame][1])
            continue
        many = "all other frames" if len(indices) == len(frames) else f"the {len(indices) - 1} frames after it"
        sentence = f"{alone[frames[first]][1]}; {many} are like this"
        yield Finding(frame=frames[first], fault=kind, sentence=sentence, others=tuple(frames[first + 1 : last + 1]))


def _kind(fault: tuple[Fault, str] | None) -> Fault | None:
    return fault[0] if fault else None


def _is_fade(measured: Mapping[int, Figures], alone: Mapping[int, tuple[Fault, str]], run: Sequence[int]) -> bool:
    """Whether the picture goes away and comes back gradually around a run of frames, given by their indices."""
    frames = list(measured)
    others = [frame for frame in frames if frame not in alone]
    sides = [(run[0], -1)] * (run[0] > 0) + [(run[-1], 1)] * (run[-1] < len(frames) - 1)
    if not (others and sides) or len({len(figures.light) for figures in measured.values()}) > 1:
        return False
    usual = np.median([measured[frame].cells for frame in others[:: -(-len(others) // _SAMPLE)]], axis=0)
    for edge, step in sides:
        beyond = [edge + step * n for n in (0, 1, 2) if 0 <= edge + step * n < len(frames)]
        cells, *away = (np.array(measured[frames[index]].cells) for index in beyond)
        steps = [_difference(cells, each) for each in away]
        if steps[0] > FADE_STEP * _difference(cells, usual) or (len(steps) > 1 and steps[1] < FADE_RISE * steps[0]):
            return False
    return True


def _difference(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
    """Return the mean difference in linear light."""
    return float(np.abs(a - b).mean())


def _jumps(measured: Mapping[int, Figures]) -> dict[int, tuple[float, float]]:
    """Distance of each frame from the nearer of its neighbours, and of these from each other, in stops."""
    jumps = {}
    window: deque[tuple[int, npt.NDArray[np.float64]]] = deque(maxlen=3)
    for frame, figures in measured.items():
        window.append((frame, np.log2(np.array(figures.cells) + _DARK)))
        (_, before), (middle, cells), (_, after) = window[0], window[len(window) // 2], window[-1]
        if len(window) == window.maxlen and before.shape == cells.shape == after.shape:
            jumps[middle] = min(_distance(before, cells), _distance(cells, after)), _distance(before, after)
    return jumps


def _distance(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
    return float(np.abs(a - b).mean())


def _flickers(jumps: Mapping[int, tuple[float, float]]) -> Iterator[Finding]:
    usual = median(jump for jump, _ in jumps.values()) if jumps else 0.0
    for frame, (jump, step) in jumps.items():
        if jump > max(FLICKER_STOPS, FLICKER_FACTOR * step, FLICKER_FACTOR * usual):
            sentence = f"{jump:.2f} stops off the frames before and after it, which are {step:.2f} apart"
            yield Finding(frame=frame, fault=Fault.FLICKER, sentence=sentence)


def _duplicates(measured: Mapping[int, Figures], jumps: Mapping[int, tuple[float, float]]) -> Iterator[Finding]:
    """Frames with the pixels of another one: of two, the one that fits its neighbours worse, else the later."""
    frames_of: dict[str, list[int]] = {}
    for frame, figures in measured.items():
        frames_of.setdefault(figures.digest, []).append(frame)
    duplicates = [frames for frames in frames_of.values() if len(frames) > 1]
    if sum(map(len, duplicates)) > max(2, _INTENDED_DUPLICATES * len(measured)):
        return
    for frames in duplicates:
        if frames == [min(measured), max(measured)]:  # an animation that ends as it began, to be looped
            continue
        original = min(frames, key=lambda frame: (jumps.get(frame, (0.0, 0.0))[0], frame))
        for frame in frames:
            if frame != original:
                yield Finding(frame=frame, fault=Fault.DUPLICATE, sentence=f"the same pixels as frame {original}")


def _too_many_fireflies(measured: Mapping[int, Figures]) -> Iterator[Finding]:
    usual = median(figures.fireflies for figures in measured.values()) if measured else 0
    for frame, figures in measured.items():
        if figures.fireflies > max(FIREFLIES_MIN, FIREFLIES_FACTOR * usual):
            sentence = f"{figures.fireflies} fireflies; half of the frames have {usual:.0f} or fewer"
            yield Finding(frame=frame, fault=Fault.FIREFLIES, sentence=sentence)
