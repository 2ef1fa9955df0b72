"""The monitor in a terminal: the same rows, in the same words, and keys for what is done most."""

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
BAR = 12


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
    #said { color: $text-warning; height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "app.focus_next", "jobs / nodes"),
        Binding("s", "steer('suspend', 'pause')", "suspend / pause"),
        Binding("r", "steer('resume', 'resume')", "resume"),
        Binding("d", "steer('', 'drain')", "drain"),
        Binding("C", "steer('cancel', '')", "cancel", key_display="shift+c"),
        Binding("q", "quit", "leave"),
    ]

    def __init__(self, source: FarmSource) -> None:
        super().__init__()
        self.source = source
        self.hub = Hub(source=source)
        self._known: dict[str, Any] = {}
        self._working: list[asyncio.Task[None]] = []

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        with Vertical():
            yield Label("Asking the farm …", id="farm")
            yield DataTable(id="jobs", cursor_type="row", zebra_stripes=False)
            yield DataTable(id="nodes", cursor_type="row")
            yield Label("", id="said")
        yield Footer()

    def on_mount(self) -> None:
        """Begin to look."""
        self.query_one("#jobs", DataTable).add_columns(*((name, name) for name in JOBS))
        self.query_one("#nodes", DataTable).add_columns(*((name, name) for name in NODES))
        self._working = [asyncio.create_task(self.hub.run()), asyncio.create_task(self._follow())]

    async def on_unmount(self) -> None:
        """Stop looking."""
        for task in self._working:
            task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)

    async def _follow(self) -> None:
        async for kind, document in self.hub.follow(FARM):
            self._known = dict(document) if kind == "whole" else merged(self._known, document)
            self._show()

    def _show(self) -> None:
        jobs = sorted(self._known.get("jobs", {}).values(), key=lambda job: (not job["running"], job["nth"]))
        nodes = sorted(self._known.get("nodes", {}).values(), key=lambda node: str(node["name"]))
        farm = self._known.get("farm", {})
        rendering = sum(node["state"] == "rendering" for node in nodes)
        running = sum(job["running"] for job in jobs)
        words = f"{rendering} of {len(nodes)} nodes rendering · {running} job{'' if running == 1 else 's'} under way"
        self.query_one("#farm", Label).update(farm.get("reason") or words)
        _fill(self.query_one("#jobs", DataTable), ((job["id"], job_cells(job)) for job in jobs))
        _fill(self.query_one("#nodes", DataTable), ((node["name"], node_cells(node)) for node in nodes))

    async def action_steer(self, of_job: str, of_node: str) -> None:
        """Do to the job or node under the cursor what the key says."""
        table = self.focused
        if not isinstance(table, DataTable) or not table.row_count:
            return
        name = str(table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value)
        given = actions.Given()
        try:
            if table.id == "jobs" and of_job:
                said = await actions.steer_job(self.source, self.hub.jobs[name].place, of_job, given)
            elif table.id == "nodes" and of_node:
                said = await actions.steer_node(self.source, name, of_node, given)
            else:
                return
        except FrontburnerError as error:
            said = [str(error)]
        self.hub.hurry(name)
        self.query_one("#said", Label).update(" ".join(said))


def job_cells(job: Mapping[str, Any]) -> tuple[str, ...]:
    """A job in columns."""
    filled = round(BAR * job["fraction"])
    failed = f", {job['failed']} failed" if job["failed"] else ""
    ready = f"{datetime.fromisoformat(job['ends_at']):%H:%M}" if "ends_at" in job else ""
    late = " late" if job.get("finish_by", {}).get("spare_s", 0) < 0 else ""
    return (
        job["id"],
        job["state"] if not job.get("waits") else "waits for a node",
        f"{'━' * filled}{'╌' * (BAR - filled)} {job['fraction']:>4.0%}",
        f"{job['written']} of {job['frames']}{failed}",
        str(job["nodes"]),
        clock_span(job.get("left_s")),
        ready + late,
        f"{job['efficiency']:.1%}" if "efficiency" in job else "",
    )


def node_cells(node: Mapping[str, Any]) -> tuple[str, ...]:
    """A node in columns."""
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
    """Bring a table up to date, its cursor staying where it is."""
    wanted = dict(rows)
    there = [str(key.value) for key in table.rows]
    if there != list(wanted):
        cursor = table.cursor_row
        table.clear()
        for key, cells in wanted.items():
            table.add_row(*cells, key=key)
        table.move_cursor(row=min(cursor, max(len(wanted) - 1, 0)))
        return
    names = [str(column.value) for column in table.columns]
    for key, cells in wanted.items():
        for name, cell in zip(names, cells, strict=True):
            if table.get_cell(key, name) != cell:
                table.update_cell(key, name, cell, update_width=True)
