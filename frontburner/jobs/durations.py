"""Durations as people write them: ``1h30m`` becomes seconds, and seconds become ``25 min``."""

from __future__ import annotations

import re


def parse_span(text: str) -> float:
    """Read a duration such as ``90s``, ``1h30m`` or ``30d``, in seconds. Raises ValueError with a sentence."""
    number = r"(\d+(?:\.\d+)?)"
    match = re.fullmatch(rf"(?:{number}d)?(?:{number}h)?(?:{number}m)?(?:{number}s)?", text.replace(" ", ""))
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups()) if match else (0.0,) * 4
    span_s = days * 86400 + hours * 3600 + minutes * 60 + seconds
    if not span_s:
        raise ValueError("is not a span of time. Write hours, minutes and seconds, such as 90s, 30m or 1h30m.")
    return span_s


def parse_age(text: str) -> float:
    """Read an age such as ``30d``, ``2w`` or any duration, in seconds. Raises ValueError with a sentence."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([dw])", text.replace(" ", ""))
    if match:
        return float(match[1]) * (86_400 if match[2] == "d" else 7 * 86_400)
    try:
        return parse_span(text)
    except ValueError:
        raise ValueError("is not an age. Write days, weeks, hours or minutes, such as 30d, 2w or 12h.") from None


def format_span(seconds: float) -> str:
    """Format a duration for prose: ``40 s``, ``25 min``, ``3 h 5 min``, ``2 d 4 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"


def clock_span(seconds: float | None) -> str:
    """Format a duration as ``h:mm:ss`` or ``m:ss``; empty for None."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
