"""What checks found, in columns, and under them a line for each problem: its cause, an arrow, its remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from tasks.node.readiness import Grade
from tasks.renderers import RENDERERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tasks.node.readiness import Check, Readiness

_MARKS = {Grade.OK: "ok", Grade.NOTE: "ok, but", Grade.ABSENT: "–", Grade.FAILS: "fails"}
_FIRST = ("cores", "memory", "temporary folder", "clock", "versions", "scene", "store")


def node_tables(readiness: Readiness) -> Iterator[Table | str]:
    """A line a check."""
    table = _table("check", "", "found")
    for check in readiness.checks:
        table.add_row(check.name, _MARKS[check.grade], check.value or _absent(check))
    yield table
    yield from _lines(readiness.node, [readiness])


def farm_tables(nodes: Sequence[Readiness]) -> Iterator[Table | str]:
    """A line a node."""
    if not nodes:
        yield "The farm has no node. `frontburner node start` runs one."
        return
    names = {check.name for node in nodes for check in node.checks if check.grade is not Grade.ABSENT}
    columns = [name for name in (*_FIRST, *RENDERERS) if name in names]
    table = _table("node", *columns)
    for node in nodes:
        table.add_row(node.node, *(_cell(node.of(name), node) for name in columns))
    yield table
    yield from _lines("The farm", nodes)


def _cell(check: Check | None, node: Readiness) -> str:
    """Say of a check what fits into a column."""
    if check is None:
        return ""
    if check.grade is not Grade.OK:
        return _MARKS[check.grade]
    if check.name in node.builds:
        speed = node.speeds.get(check.name)
        return node.builds[check.name][0] + (f", {speed / 1e6:.2f} M samples/s" if speed else "")
    short = {"temporary folder": check.value.rpartition(", ")[2], "store": "ok", "versions": "same"}
    short |= {"memory": check.value.partition(" of ")[0] + " free"}
    return short.get(check.name, check.value.partition(", ")[0].partition(" (")[0])


def _lines(whole: str, nodes: Sequence[Readiness]) -> Iterator[str]:
    """A line a problem, those that keep from rendering first."""
    of = {Grade.FAILS: list(_of(Grade.FAILS, nodes)), Grade.NOTE: list(_of(Grade.NOTE, nodes))}
    for title, grade in (("Problems:", Grade.FAILS), ("Notes:", Grade.NOTE)):
        if of[grade]:
            yield f"\n{title}"
            yield from of[grade]
    if not of[Grade.FAILS]:
        yield f"\n{whole} is ready."


def _of(grade: Grade, nodes: Iterable[Readiness]) -> Iterator[str]:
    for node in nodes:
        for check in node.checks:
            if check.grade is grade:
                yield f"  {node.node}: {check.name}: {check.reason}" + (f" → {check.remedy}" if check.remedy else "")


def _absent(check: Check) -> str:
    return "not installed" if check.grade is Grade.ABSENT else ""


def _table(*columns: str) -> Table:
    return Table(*columns, box=None, pad_edge=False, header_style="bold")
