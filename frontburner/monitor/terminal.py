"""The monitor in a terminal: the same rows as the page, and keys for the most common actions."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import DataTable, Footer, Label

from frontburner.jobs.durations import clock_span
from frontburner.monitor import actions
from frontburner.monitor.hub import FARM, Hub
from frontburner.monitor.json_patch import merged
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from textual.app import ComposeResult

    from frontburner.monitor.farm_source import FarmSource

GIB = 1 << 30
JOBS = ("job", "state", "done", "frames", "nodes", "left", "ready", "efficiency")
NODES = ("node", "state", "job", "renders", "cpu", "memory", "units", "failures", "why")
BAR_WIDTH = 12


class Top(App[None]):
    """Jobs above, nodes below.

    Parameters
    ----------
    source
        The farm.
    """

    CSS = """
    Screen { background: $background; }
    Label { padding: 0 1; color: $text-muted; }
    #jobs { height: 2fr; } #nodes { height: 3fr; }
    DataTable { background: $background; scrollbar-size-vertical: 1; }
    #message { color: $text-warning; height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "app.focus_next", "jobs / nodes"),
        Binding("s", "act('suspend', 'pause')", "suspend / pause"),
        Binding("r", "act('resume', 'resume')", "resume"),
        Binding("d", "act('', 'drain')", "drain"),
        Binding("C", "act('cancel', '')", "cancel", key_display="shift+c"),
        Binding("q", "quit", "leave"),
    ]

    def __init__(self, source: FarmSource) -> None:
        super().__init__()
        self.source = source
        self.hub = Hub(source=source)
        self._document: dict[str, Any] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        with Vertical():
            yield Label("Connecting to the farm …", id="farm")
            yield DataTable(id="jobs", cursor_type="row", zebra_stripes=False)
            yield DataTable(id="nodes", cursor_type="row")
            yield Label("", id="message")
        yield Footer()

    def on_mount(self) -> None:
        """Start polling."""
        self.query_one("#jobs", DataTable).add_columns(*((name, name) for name in JOBS))
        self.query_one("#nodes", DataTable).add_columns(*((name, name) for name in NODES))
        self._tasks = [asyncio.create_task(self.hub.run()), asyncio.create_task(self._follow())]

    async def on_unmount(self) -> None:
        """Stop polling."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(self) -> None:
        async for kind, document in self.hub.follow(FARM):
            self._document = dict(document) if kind == "whole" else merged(self._document, document)
            self._show()

    def _show(self) -> None:
        jobs = sorted(self._document.get("jobs", {}).values(), key=lambda job: (not job["running"], job["nth"]))
        nodes = sorted(self._document.get("nodes", {}).values(), key=lambda node: str(node["name"]))
        farm = self._document.get("farm", {})
        rendering = sum(node["state"] == "rendering" for node in nodes)
        running = sum(job["running"] for job in jobs)
        summary = f"{rendering} of {len(nodes)} nodes rendering · {running} job{'' if running == 1 else 's'} running"
        self.query_one("#farm", Label).update(farm.get("reason") or summary)
        _fill(self.query_one("#jobs", DataTable), ((job["id"], job_cells(job)) for job in jobs))
        _fill(self.query_one("#nodes", DataTable), ((node["name"], node_cells(node)) for node in nodes))

    async def action_act(self, job_action: str, node_action: str) -> None:
        """Perform the key's action on the job or node under the cursor."""
        table = self.focused
        if not isinstance(table, DataTable) or not table.row_count:
            return
        name = str(table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value)
        given = actions.ActionInput()
        try:
            if table.id == "jobs" and job_action:
                messages = await actions.act_on_job(self.source, self.hub.jobs[name].location, job_action, given)
            elif table.id == "nodes" and node_action:
                messages = await actions.act_on_node(self.source, name, node_action, given)
            else:
                return
        except FrontburnerError as error:
            messages = [str(error)]
        self.hub.refresh(name)
        self.query_one("#message", Label).update(" ".join(messages))


def job_cells(job: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the columns of a job."""
    filled = round(BAR_WIDTH * job["fraction"])
    failed = f", {job['failed']} failed" if job["failed"] else ""
    ready = f"{datetime.fromisoformat(job['ends_at']):%H:%M}" if "ends_at" in job else ""
    late = " late" if job.get("finish_by", {}).get("spare_s", 0) < 0 else ""
    return (
        job["id"],
        job["state"] if not job.get("waits") else "waits for a node",
        f"{'━' * filled}{'╌' * (BAR_WIDTH - filled)} {job['fraction']:>4.0%}",
        f"{job['written']} of {job['frames']}{failed}",
        str(job["nodes"]),
        clock_span(job.get("left_s")),
        ready + late,
        f"{job['efficiency']:.1%}" if "efficiency" in job else "",
    )


def node_cells(node: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the columns of a node."""
    cpu = f"{node['cpu_percent'] / (node.get('threads') or 1):.0f} %" if "cpu_percent" in node else ""
    used = node.get("memory_used_bytes")
    why = [*node.get("problems", ()), node.get("aside", ""), node.get("why", "")]
    return (
        node["name"],
        node["state"],
        node.get("job", ""),
        node.get("doing", ""),
        cpu,
        f"{used / GIB:.1f} GiB" if used is not None else "",
        str(node.get("units") or ""),
        str(node.get("failures") or ""),
        next(filter(None, why), ""),
    )


def _fill(table: DataTable[str], rows: Iterable[tuple[str, tuple[str, ...]]]) -> None:
    """Update a table, keeping its cursor."""
    cells_of = dict(rows)
    shown = [str(key.value) for key in table.rows]
    if shown != list(cells_of):
        cursor = table.cursor_row
        table.clear()
        for key, cells in cells_of.items():
            table.add_row(*cells, key=key)
        table.move_cursor(row=min(cursor, max(len(cells_of) - 1, 0)))
        return
    names = [str(column.value) for column in table.columns]
    for key, cells in cells_of.items():
        for name, cell in zip(names, cells, strict=True):
            if table.get_cell(key, name) != cell:
                table.update_cell(key, name, cell, update_width=True)
