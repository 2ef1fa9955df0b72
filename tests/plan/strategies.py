"""Random regions and frames for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from tasks.spec import Region


@st.composite
def regions(draw: st.DrawFn, *, within: Region) -> Region:
    """Any region inside another one."""
    x0, y0 = draw(st.integers(within.x0, within.x1 - 1)), draw(st.integers(within.y0, within.y1 - 1))
    return Region(x0=x0, y0=y0, x1=draw(st.integers(x0 + 1, within.x1)), y1=draw(st.integers(y0 + 1, within.y1)))


@st.composite
def wholes(draw: st.DrawFn, *, edge_px: int = 200) -> Region:
    """Any region near the origin."""
    return draw(regions(within=Region(x0=0, y0=0, x1=edge_px, y1=edge_px)))
