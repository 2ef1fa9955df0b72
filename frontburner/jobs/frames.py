"""Frame numbers as people write them: ``1-48,60,70-90x2`` to a sorted tuple of numbers, and back."""

from __future__ import annotations

import re

OWN_FRAMES = "scene"
"""Stands for the frames that the scene was made for."""
MAX_FRAMES = 1_000_000
_PART = re.compile(r"^\s*(-?\d+)\s*(?:-\s*(-?\d+)\s*(?:x\s*(\d+)\s*)?)?$")
FRAMES_SYNTAX = "Write frames as numbers and ranges, with a step after x: 12 or 1-48 or 1-48,60,70-90x2."


def parse_frames(text: str) -> tuple[int, ...]:
    """Read a list of frames.

    Parameters
    ----------
    text
        Numbers and inclusive ranges ``first-last`` or ``first-lastxstep``, separated by commas.

    Returns
    -------
    tuple of int
        The frames, ascending, each once.

    Raises
    ------
    ValueError
        With a sentence that names the part that can't be read, and the syntax.
    """
    frames: set[int] = set()
    for part in text.split(","):
        frames.update(_parse_part(part))
        if len(frames) > MAX_FRAMES:
            raise ValueError(f"more than {MAX_FRAMES:,} frames. Split the job.")
    return tuple(sorted(frames))


def parse_frames_of_job(text: str) -> tuple[int, ...] | None:
    """Read a job's frames, as `parse_frames` does; None for those of the scene."""
    return None if text == OWN_FRAMES else parse_frames(text)


def _parse_part(part: str) -> range:
    match = _PART.match(part)
    if match is None:
        raise ValueError(f"'{part.strip()}' is not a frame or a range of frames. {FRAMES_SYNTAX}")
    first, last, step = (int(group) if group else None for group in match.groups())
    assert first is not None
    if last is None:
        return range(first, first + 1)
    if last < first:
        raise ValueError(f"'{part.strip()}' ends before it begins: did you mean {last}-{first}?")
    if step == 0:
        raise ValueError(f"'{part.strip()}' has a step of 0: a step is 1 or more.")
    if (last - first) // (step or 1) >= MAX_FRAMES:
        raise ValueError(f"'{part.strip()}' is more than {MAX_FRAMES:,} frames. Split the job.")
    return range(first, last + 1, step or 1)


def format_frames(frames: tuple[int, ...]) -> str:
    """Format ascending frames as briefly as possible; `parse_frames` reads it back."""
    parts: list[str] = []
    index = 0
    while index < len(frames):
        stop = _end_of_run(frames, index)
        first, last = frames[index], frames[stop - 1]
        if stop - index < 3:
            parts.append(str(first))
            index += 1
            continue
        step = frames[index + 1] - first
        parts.append(f"{first}-{last}" + (f"x{step}" if step > 1 else ""))
        index = stop
    return ",".join(parts)


def _end_of_run(frames: tuple[int, ...], start: int) -> int:
    """Return the index after the longest evenly spaced run that starts at ``start``."""
    stop = start + 1
    while stop < len(frames) and (
        stop == start + 1 or frames[stop] - frames[stop - 1] == frames[start + 1] - frames[start]
    ):
        stop += 1
    return stop
