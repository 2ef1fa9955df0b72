"""Which file of a numbered sequence a frame uses, and its name: computed as Blender does."""

from __future__ import annotations

import re
from pathlib import Path

_LAST_DIGITS = re.compile(r"(\d+)(?=\D*$)")
_DIGITS_AT_END = re.compile(r"\d+$")


def image_number(frame: int, *, start: int, duration: int, offset: int, cyclic: bool) -> tuple[int, bool]:
    """Return the number of an image sequence's file at a frame, and whether the sequence has begun by then."""
    if duration == 0:
        return 0, True
    number = frame - start + 1
    if cyclic:
        return (number % duration or duration) + offset, True
    return min(max(number, 0), duration) + offset, number > 0


def volume_number(frame: int, *, start: int, duration: int, offset: int, mode: str) -> int | None:
    """Return the number of a volume sequence's file at a frame; None where it shows nothing."""
    if duration == 0:
        return None
    number = frame - start + 1
    if mode == "CLIP" and not 1 <= number <= duration:
        return None
    if mode == "EXTEND":
        number = min(max(number, 1), duration)
    elif mode == "REPEAT":
        number = number % duration or duration
    elif mode == "PING_PONG":
        there_and_back = max(duration * 2 - 2, 1)
        number = number % there_and_back or there_and_back
        number = duration * 2 - number if number > duration else number
    return number + offset


def image_file(path: Path, number: int) -> Path:
    """Return the name of an image with another number, in the place of the last digits, or after a name without."""
    digits = _LAST_DIGITS.search(path.stem)
    number = max(number, 0)
    if digits is None:
        return path.with_name(f"{path.stem}{number or ''}{path.suffix}")
    before, after = path.stem[: digits.start()], path.stem[digits.end() :]
    return path.with_name(f"{before}{padded(number, len(digits[1]))}{after}{path.suffix}")


def all_images(path: Path) -> list[Path]:
    """Return the images on disk whose names differ in their number alone."""
    digits = _LAST_DIGITS.search(path.stem)
    if digits is None or not path.parent.is_dir():
        return [path]
    before, after = re.escape(path.stem[: digits.start()]), re.escape(path.stem[digits.end() :] + path.suffix)
    return sorted(each for each in path.parent.iterdir() if re.fullmatch(rf"{before}\d+{after}", each.name))


def cache_file(path: Path, number: int) -> Path | None:
    """Return the name of a cache or volume with another number: its digits are before the suffix. None without any."""
    digits = _DIGITS_AT_END.search(path.stem)
    if digits is None:
        return None
    return path.with_name(f"{path.stem[: digits.start()]}{padded(number, len(digits[0]))}{path.suffix}")


def tile_file(path: Path, number: int) -> Path:
    """Return the name of a tile of a texture."""
    column, row = (number - 1001) % 10 + 1, (number - 1001) // 10 + 1
    return Path(str(path).replace("<UDIM>", str(number)).replace("<UVTILE>", f"u{column}_v{row}"))


def padded(number: int, digits: int) -> str:
    """Return a number with at least so many digits, beside its sign."""
    return f"{number:0{digits + (number < 0)}d}"
