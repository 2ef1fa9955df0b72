"""Splits a rectangle off a region so that it has a given price. Pieces cover every pixel exactly once."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.spec import Region

    Price = Callable[[Region], float]

TOLERANCE = 1.3
"""A piece of up to this many times the target isn't cut again: its halves would be further off."""


def split_off(
    region: Region, *, target: float, price: Price, align_px: tuple[int, int], limit: float = inf
) -> tuple[Region, list[Region]]:
    """Split a piece of about the target price off a region.

    The region is halved across its longer side at a multiple of the target, again and again, so pieces stay compact
    (a kd-split at equal cost instead of equal area).

    Parameters
    ----------
    target
        The price the piece should have.
    price
        Price of any part of the region; additive.
    align_px
        Cuts lie at multiples of these, across and down.
    limit
        The price the piece may have at most, as far as it can be cut.

    Returns
    -------
    piece, rest
        The piece, and disjoint rectangles that cover the rest; empty if nothing could be cut.
    """
    piece, rest = region, []
    while price(piece) > min(TOLERANCE * target, max(target, limit)):
        halves = _split(piece, target=target, price=price, align_px=align_px)
        if halves is None:
            break
        piece, other = halves
        rest.append(other)
    return piece, rest


def _split(region: Region, *, target: float, price: Price, align_px: tuple[int, int]) -> tuple[Region, Region] | None:
    total = price(region)
    pieces = max(2, round(total / target))
    wanted = total * (pieces // 2) / pieces
    for across in (True, False) if region.width >= region.height else (False, True):
        cut = _find_cut(region, wanted=wanted, price=price, align_px=align_px[0 if across else 1], across=across)
        if cut is not None:
            second = replace(region, x0=cut) if across else replace(region, y0=cut)
            return _first_half(region, cut, across=across), second
    return None


def _find_cut(region: Region, *, wanted: float, price: Price, align_px: int, across: bool) -> int | None:
    """Find the aligned cut whose first half comes closest to the wanted price, by bisection."""
    start, stop = (region.x0, region.x1) if across else (region.y0, region.y1)
    low, high = start // align_px + 1, (stop - 1) // align_px
    if low > high:
        return None
    while low < high:
        middle = (low + high) // 2
        if price(_first_half(region, middle * align_px, across=across)) < wanted:
            low = middle + 1
        else:
            high = middle
    cuts = [cut * align_px for cut in (low - 1, low) if cut * align_px > start]
    return min(cuts, key=lambda cut: abs(price(_first_half(region, cut, across=across)) - wanted))


def _first_half(region: Region, cut: int, *, across: bool) -> Region:
    return replace(region, x1=cut) if across else replace(region, y1=cut)
