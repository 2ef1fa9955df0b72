"""Nodes and licences in columns, for a person at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

GIB = 1 << 30


def nodes_table(nodes: Sequence[Mapping[str, Any]]) -> Iterator[Table | str]:
    """A line a node."""
    if not nodes:
        yield "The farm has no node. `frontburner node start` runs one."
        return
    table = Table(
        "node", "state", "job", "renders", "threads", "memory", "cpu", "groups", "hours", "why",
        box=None, pad_edge=False, header_style="bold",
    )  # fmt: skip
    for node in nodes:
        table.add_row(
            node["name"], node["state"], node["job"], ", ".join(node["renders"]), str(node["threads"] or ""),
            _memory(node), "" if node["cpu_percent"] is None else f"{node['cpu_percent']:.0f} %",
            ", ".join(node["groups"]), node["hours"], node["why"],
        )  # fmt: skip
    yield table
    yield from _problems(nodes)


def _problems(nodes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A line for everything that is wrong with a node."""
    lines = [f"{node['name']}: {problem}" for node in nodes for problem in node["problems"]]
    if lines:
        yield ""
        yield from lines
        yield "`frontburner node check NAME` looks again, and says what to do."


def licences_table(licences: Mapping[str, int]) -> Iterator[Table | str]:
    """A line a renderer."""
    if not licences:
        yield "Any number of nodes may use any renderer."
        return
    table = Table("renderer", "nodes at once", box=None, pad_edge=False, header_style="bold")
    for renderer, most in sorted(licences.items()):
        table.add_row(renderer, str(most))
    yield table


def _memory(node: Mapping[str, Any]) -> str:
    used, whole = node["memory_used_bytes"], node["memory_bytes"]
    if used is None or not whole:
        return ""
    return f"{used / GIB:.1f} of {whole / GIB:.1f} GiB"
