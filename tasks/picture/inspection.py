"""What is wrong with pictures, as far as their pixels tell, each beside its neighbours. Pure."""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

GRID = 9, 16
"""Rows and columns of the cells whose light is compared from frame to frame."""
BLACK = 1e-3
"""No pixel of a black picture is brighter."""
FIREFLY_TIMES, FIREFLY_FLOOR = 10.0, 0.1
"""A firefly is so many times brighter than the ring of pixels around it, and by so much at least."""
FIREFLIES_TIMES, FIREFLIES_LEAST = 5.0, 10
"""A frame is flagged for fireflies that are so many times as many as half the frames have, and so many at least."""
FLICKER_STOPS, FLICKER_TIMES = 0.1, 4.0
"""A frame flickers that is so many stops off both neighbours, and so many times farther than they are apart."""
_TWINS_ARE_MEANT = 0.25
"""Where more than this part of the frames have a twin, the animation holds or loops."""
_DARK = 1e-3
_RING = 5
_PACKED = np.dtype("<f4")
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


class Fault(StrEnum):
    """What may be wrong with a frame, the gravest first."""

    MISSING = "missing"
    DAMAGED = "damaged"
    NOT_FINITE = "not a number"
    BLACK = "black"
    DUPLICATE = "duplicate"
    FLICKER = "flicker"
    FIREFLIES = "fireflies"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A frame that is flagged, for what, and in a sentence."""

    frame: int
    fault: Fault
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What of a picture is compared with others.

    Parameters
    ----------
    digest
        SHA-256 of its pixels.
    brightest
        Luminance of its brightest pixel.
    bad_px
        Pixels that are infinite or not numbers.
    fireflies
        Pixels far brighter than all around them.
    light
        Mean luminance of each cell of a grid over the picture, row by row, packed: a job keeps those of all its frames.
    """

    digest: str
    brightest: float
    bad_px: int
    fireflies: int
    light: bytes

    @property
    def cells(self) -> list[float]:
        """Mean luminance of each cell, in the five digits that are told of it."""
        return _rounded(np.frombuffer(self.light, _PACKED))

    def document(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "digest": self.digest,
            "brightest": self.brightest,
            "bad_px": self.bad_px,
            "fireflies": self.fireflies,
            "light": self.cells,
        }


def figures(pixels: Floats) -> Figures:
    """Measure a picture.

    Parameters
    ----------
    pixels
        float32 (H, W, 3 or more), linear; only the first three channels count.
    """
    colours = np.ascontiguousarray(pixels[..., :3])
    whole = np.isfinite(colours).all(axis=2)
    light = np.where(whole, np.nan_to_num(colours) @ _LUMINANCE, np.float32(0))
    flies, ring = _fireflies(light)
    brightest = float(light.max())
    light[flies] = ring[flies]  # else a few of them would pass for flicker
    return Figures(
        digest=hashlib.sha256(colours.tobytes()).hexdigest(),
        brightest=float(f"{brightest:.5g}"),
        bad_px=int(whole.size - np.count_nonzero(whole)),
        fireflies=int(np.count_nonzero(flies)),
        light=_packed(_rounded(_cells(light).ravel())),
    )


def figures_from(values: Mapping[str, Any]) -> Figures:
    """Rebuild figures from their document, once it was JSON."""
    return Figures(**{**values, "light": _packed(values["light"])})


def _rounded(values: npt.NDArray[np.floating[Any]]) -> list[float]:
    """Round to the digits that are kept: few enough for a packed value to give the same ones again."""
    return [float(f"{value:.5g}") for value in values]


def _packed(cells: Sequence[float]) -> bytes:
    return np.array(cells, _PACKED).tobytes()


def findings(measured: Mapping[int, Figures]) -> tuple[Finding, ...]:
    """Flag the frames of a sequence that stand out, each for the gravest of its faults."""
    alone = dict(_faulty_by_themselves(measured))
    rest = {frame: own for frame, own in sorted(measured.items()) if frame not in alone}
    jumps = _jumps(rest)
    found: dict[int, Finding] = {}
    for finding in (*alone.values(), *_duplicates(rest, jumps), *_flickers(jumps), *_too_many_fireflies(rest)):
        found.setdefault(finding.frame, finding)
    return tuple(found[frame] for frame in sorted(found))


def _faulty_by_themselves(measured: Mapping[int, Figures]) -> Iterator[tuple[int, Finding]]:
    """Frames that are wrong whatever the others look like."""
    for frame, own in measured.items():
        if own.bad_px:
            said = f"{own.bad_px} pixel{'' if own.bad_px == 1 else 's'} infinite or not a number"
            yield frame, Finding(frame=frame, fault=Fault.NOT_FINITE, sentence=said)
        elif own.brightest <= BLACK:
            said = f"black: its brightest pixel is {own.brightest:.4f}"
            yield frame, Finding(frame=frame, fault=Fault.BLACK, sentence=said)


def _jumps(measured: Mapping[int, Figures]) -> dict[int, tuple[float, float]]:
    """How far each frame is from the nearer of its neighbours, and these from each other, in stops."""
    found = {}
    near: deque[tuple[int, npt.NDArray[np.float64]]] = deque(maxlen=3)
    for frame, figures_of_it in measured.items():
        near.append((frame, np.log2(np.array(figures_of_it.cells) + _DARK)))
        (_, before), (middle, own), (_, after) = near[0], near[len(near) // 2], near[-1]
        if len(near) == near.maxlen and before.shape == own.shape == after.shape:
            found[middle] = min(_apart(before, own), _apart(own, after)), _apart(before, after)
    return found


def _apart(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    return float(np.abs(one - other).mean())


def _flickers(jumps: Mapping[int, tuple[float, float]]) -> Iterator[Finding]:
    usual = median(jump for jump, _ in jumps.values()) if jumps else 0.0
    for frame, (jump, step) in jumps.items():
        if jump > max(FLICKER_STOPS, FLICKER_TIMES * step, FLICKER_TIMES * usual):
            said = f"{jump:.2f} stops off the frames before and after it, which are {step:.2f} apart"
            yield Finding(frame=frame, fault=Fault.FLICKER, sentence=said)


def _duplicates(measured: Mapping[int, Figures], jumps: Mapping[int, tuple[float, float]]) -> Iterator[Finding]:
    """Frames with the pixels of another one: of two, the one that fits its neighbours worse, else the later."""
    counts = Counter(own.digest for own in measured.values())
    twins: dict[str, list[int]] = {}
    for frame, own in measured.items():
        if counts[own.digest] > 1:
            twins.setdefault(own.digest, []).append(frame)
    ends = [min(measured, default=0), max(measured, default=0)]
    if sum(map(len, twins.values())) > max(2, _TWINS_ARE_MEANT * len(measured)):
        return
    for frames in twins.values():
        if frames != ends:  # an animation that ends as it began, to be looped
            yield from _odd_ones(frames, jumps)


def _odd_ones(frames: Sequence[int], jumps: Mapping[int, tuple[float, float]]) -> Iterator[Finding]:
    first = min(frames, key=lambda frame: (jumps.get(frame, (0.0, 0.0))[0], frame))
    for frame in frames:
        if frame != first:
            yield Finding(frame=frame, fault=Fault.DUPLICATE, sentence=f"the same pixels as frame {first}")


def _too_many_fireflies(measured: Mapping[int, Figures]) -> Iterator[Finding]:
    usual = median(own.fireflies for own in measured.values()) if measured else 0
    for frame, own in measured.items():
        if own.fireflies > max(FIREFLIES_LEAST, FIREFLIES_TIMES * usual):
            said = f"{own.fireflies} fireflies; half of the frames have {usual:.0f} or fewer"
            yield Finding(frame=frame, fault=Fault.FIREFLIES, sentence=said)


def _fireflies(light: Floats) -> tuple[npt.NDArray[np.bool_], Floats]:
    """Find pixels far brighter than the mean of the ring two pixels away, and that mean; the peak of each spot only."""
    if min(light.shape) < _RING:
        return np.zeros(light.shape, bool), light
    ring = (_box(light, 2) - _box(light, 1)) / np.float32(_RING**2 - 9)
    found = light > FIREFLY_TIMES * ring + FIREFLY_FLOOR
    for y, x in np.argwhere(found):
        around = light[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
        found[y, x] = light[y, x] >= around.max()
    return found, ring


def _box(light: Floats, reach: int) -> Floats:
    """Sum of each pixel's square neighbourhood; beyond the edge lies the edge."""
    wide = np.pad(light, reach, mode="edge")
    rows, columns = light.shape
    down = wide[:rows].copy()
    for start in range(1, 2 * reach + 1):
        down += wide[start : start + rows]
    total = down[:, :columns].copy()
    for start in range(1, 2 * reach + 1):
        total += down[:, start : start + columns]
    return total


def _cells(light: Floats) -> npt.NDArray[np.float64]:
    """Means over a grid of cells."""
    means: npt.NDArray[np.float64] = light.astype(np.float64)
    for axis, parts in enumerate(GRID):
        length = light.shape[axis]
        edges = np.unique(np.arange(parts) * length // parts)
        sizes = np.diff(np.append(edges, length))
        sums = np.add.reduceat(means, edges, axis=axis)
        means = sums / np.expand_dims(sizes, 1 - axis)
    return means
