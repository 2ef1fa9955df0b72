"""Sizes and regions of frames as people write them."""

from __future__ import annotations

import re

from tasks.spec import Region, Size

MAX_EDGE_PX = 65_536


def parse_size(text: str) -> Size:
    """Read ``1920x1080``. Raises ValueError with a sentence."""
    match = re.fullmatch(r"\s*(\d+)\s*[x×,]\s*(\d+)\s*", text)
    if match is None:
        raise ValueError("is not a size. Write width x height in pixels, such as 1920x1080.")
    width, height = int(match[1]), int(match[2])
    if not (1 <= width <= MAX_EDGE_PX and 1 <= height <= MAX_EDGE_PX):
        raise ValueError(f"is out of range: each edge is 1 to {MAX_EDGE_PX} pixels.")
    return Size(width=width, height=height)


def parse_region(text: str) -> Region:
    """Read ``x0,y0,x1,y1``. Raises ValueError with a sentence."""
    match = re.fullmatch(r"\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*", text)
    if match is None:
        raise ValueError(
            f"region '{text}' can't be read. Write x0,y0,x1,y1 in pixels from the top left, such as 0,0,640,360."
        )
    x0, y0, x1, y1 = (int(group) for group in match.groups())
    if x1 <= x0 or y1 <= y0:
        raise ValueError(f"region '{text}' is empty: x1 must be more than x0, and y1 more than y0.")
    return Region(x0=x0, y0=y0, x1=x1, y1=y1)


def outside(region: str, size: Size) -> str:
    """Say that a region lies outside its frame."""
    return (
        f"region '{region}' reaches outside the frame of {size.width}x{size.height}. "
        f"x1 is at most {size.width} and y1 at most {size.height}."
    )
