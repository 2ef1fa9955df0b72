"""Finds faults in pictures by their pixels, each compared with its neighbours. Pure."""

from __future__ import annotations

import hashlib
from collections import deque
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
"""No pixel of a black picture is brighter than this."""
FIREFLY_FACTOR, FIREFLY_FLOOR = 10.0, 0.1
"""A firefly is brighter than the mean of the ring of pixels around it by this factor and this much."""
FIREFLIES_FACTOR, FIREFLIES_MIN = 5.0, 10
"""A frame is flagged if it has more fireflies than the median frame by this factor, and more than this number."""
FLICKER_STOPS, FLICKER_FACTOR = 0.1, 4.0
"""A frame flickers if it differs from both neighbours by this many stops, and by this factor more than they differ."""
_INTENDED_DUPLICATES = 0.25
"""If more than this fraction of the frames are duplicates, the animation holds or loops."""
_DARK = 1e-3
_RING = 5
_PACKED = np.dtype("<f4")
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


class Fault(StrEnum):
    """What may be wrong with a frame, the most severe first."""

    MISSING = "missing"
    DAMAGED = "damaged"
    NOT_FINITE = "not a number"
    BLACK = "black"
    DUPLICATE = "duplicate"
    FLICKER = "flicker"
    FIREFLIES = "fireflies"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A flagged frame: its fault, and a sentence about it."""

    frame: int
    fault: Fault
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Figures of a picture that are compared with those of others.

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
        Mean luminance of each cell of a grid over the picture, row by row, packed, as a job keeps all its frames'.
    """

    digest: str
    brightest: float
    bad_px: int
    fireflies: int
    light: bytes

    @property
    def cells(self) -> list[float]:
        """Mean luminance of each cell, in the five digits that are stored."""
        return _rounded(np.frombuffer(self.light, _PACKED))

    def document(self) -> dict[str, Any]:
        """Return them as plain JSON values."""
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
    finite = np.isfinite(colours).all(axis=2)
    light = np.where(finite, np.nan_to_num(colours) @ _LUMINANCE, np.float32(0))
    fireflies, ring = _fireflies(light)
    brightest = float(light.max())
    light[fireflies] = ring[fireflies]  # else a few of them would pass for flicker
    return Figures(
        digest=hashlib.sha256(colours.tobytes()).hexdigest(),
        brightest=float(f"{brightest:.5g}"),
        bad_px=int(finite.size - np.count_nonzero(finite)),
        fireflies=int(np.count_nonzero(fireflies)),
        light=_packed(_rounded(_cells(light).ravel())),
    )


def figures_from(values: Mapping[str, Any]) -> Figures:
    """Rebuild what `Figures.document` wrote, once it was JSON."""
    return Figures(**{**values, "light": _packed(values["light"])})


def _rounded(values: npt.NDArray[np.floating[Any]]) -> list[float]:
    """Round to the digits that are stored: few enough to survive packing as float32."""
    return [float(f"{value:.5g}") for value in values]


def _packed(cells: Sequence[float]) -> bytes:
    return np.array(cells, _PACKED).tobytes()


def findings(measured: Mapping[int, Figures]) -> tuple[Finding, ...]:
    """Flag the frames of a sequence that are faulty or unlike their neighbours, each for the most severe fault."""
    broken = {finding.frame: finding for finding in _broken(measured)}
    rest = {frame: figures for frame, figures in sorted(measured.items()) if frame not in broken}
    jumps = _jumps(rest)
    found: dict[int, Finding] = {}
    for finding in (*broken.values(), *_duplicates(rest, jumps), *_flickers(jumps), *_too_many_fireflies(rest)):
        found.setdefault(finding.frame, finding)
    return tuple(found[frame] for frame in sorted(found))


def _broken(measured: Mapping[int, Figures]) -> Iterator[Finding]:
    """Frames that are faulty whatever the others look like."""
    for frame, figures in measured.items():
        if figures.bad_px:
            sentence = f"{figures.bad_px} pixel{'' if figures.bad_px == 1 else 's'} infinite or not a number"
            yield Finding(frame=frame, fault=Fault.NOT_FINITE, sentence=sentence)
        elif figures.brightest <= BLACK:
            sentence = f"black: its brightest pixel is {figures.brightest:.4f}"
            yield Finding(frame=frame, fault=Fault.BLACK, sentence=sentence)


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


def _fireflies(light: Floats) -> tuple[npt.NDArray[np.bool_], Floats]:
    """Find pixels far brighter than the mean of the ring two pixels away, only the peak of each spot; and that mean."""
    if min(light.shape) < _RING:
        return np.zeros(light.shape, bool), light
    ring = (_box(light, 2) - _box(light, 1)) / np.float32(_RING**2 - 9)
    found = light > FIREFLY_FACTOR * ring + FIREFLY_FLOOR
    for y, x in np.argwhere(found):
        around = light[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
        found[y, x] = light[y, x] >= around.max()
    return found, ring


def _box(light: Floats, radius: int) -> Floats:
    """Sum each pixel's square neighbourhood; edge pixels are repeated outwards."""
    padded = np.pad(light, radius, mode="edge")
    rows, columns = light.shape
    vertical = padded[:rows].copy()
    for start in range(1, 2 * radius + 1):
        vertical += padded[start : start + rows]
    total = vertical[:, :columns].copy()
    for start in range(1, 2 * radius + 1):
        total += vertical[:, start : start + columns]
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
