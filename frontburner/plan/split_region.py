"""Cut a rectangle off a rectangle so that the piece costs what was asked for. Pieces cover every pixel exactly once."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from tasks.spec import Region

if TYPE_CHECKING:
    from collections.abc import Callable

    Price = Callable[[Region], float]

# A piece up to this many times the target is not cut again: two halves would be further off than the whole.
TOLERANCE = 1.3


def cut_off(
    whole: Region, *, target: float, price: Price, align_px: tuple[int, int], most: float = inf
) -> tuple[Region, list[Region]]:
    """Cut a piece of about a given price off a rectangle.

    Halves the rectangle across its longer side at a multiple of the target, again and again, so pieces
    stay compact (a kd-split at equal cost instead of equal area).

    Parameters
    ----------
    whole
        The rectangle to cut.
    target
        The price the piece should have.
    price
        Price of any region inside ``whole``; additive.
    align_px
        Cuts lie at multiples of these, across and down.
    most
        The price the piece may have at most, where it can be cut at all.

    Returns
    -------
    piece, rest
        The piece, and disjoint rectangles that make up what is left; empty when nothing could be cut.
    """
    piece, rest = whole, []
    while price(piece) > min(TOLERANCE * target, max(target, most)):
        split = _split(piece, target=target, price=price, align_px=align_px)
        if split is None:
            break
        piece, other = split
        rest.append(other)
    return piece, rest


def _split(region: Region, *, target: float, price: Price, align_px: tuple[int, int]) -> tuple[Region, Region] | None:
    total = price(region)
    pieces = max(2, round(total / target))
    wanted = total * (pieces // 2) / pieces
    for across in (True, False) if region.width >= region.height else (False, True):
        at = _find_edge(region, wanted=wanted, price=price, align_px=align_px[0 if across else 1], across=across)
        if at is not None:
            return _halves(region, at, across=across)
    return None


def _find_edge(region: Region, *, wanted: float, price: Price, align_px: int, across: bool) -> int | None:
    """Find the aligned edge inside the region whose first half comes closest to the wanted price, by bisection."""
    start, stop = (region.x0, region.x1) if across else (region.y0, region.y1)
    low, high = start // align_px + 1, (stop - 1) // align_px
    if low > high:
        return None
    while low < high:
        middle = (low + high) // 2
        if price(_halves(region, middle * align_px, across=across)[0]) < wanted:
            low = middle + 1
        else:
            high = middle
    edges = [edge * align_px for edge in (low - 1, low) if edge * align_px > start]
    return min(edges, key=lambda at: abs(price(_halves(region, at, across=across)[0]) - wanted))


def _halves(region: Region, at: int, *, across: bool) -> tuple[Region, Region]:
    if across:
        return (
            Region(x0=region.x0, y0=region.y0, x1=at, y1=region.y1),
            Region(x0=at, y0=region.y0, x1=region.x1, y1=region.y1),
        )
    return (
        Region(x0=region.x0, y0=region.y0, x1=region.x1, y1=at),
        Region(x0=region.x0, y0=at, x1=region.x1, y1=region.y1),
    )
