"""`frontburner top` shows the monitor's rows in a terminal, and its keys act on the row under the cursor."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual.widgets import DataTable, Label

from frontburner.monitor.terminal import Top, job_cells, node_cells
from tests.end_to_end.conftest import TIMEOUT_S
from tests.monitor import farm_states
from tests.monitor.fake_farm import FakeFarm, node

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_columns_of_a_job_and_a_node() -> None:
    job = {"id": "walk-1", "state": "running", "fraction": 0.5, "frames": 24, "written": 12, "failed": 1, "nodes": 2,
           "left_s": 75.0, "ends_at": "2026-03-02T12:02:15+00:00", "finish_by": {"spare_s": -5},
           "efficiency": 0.961}  # fmt: skip
    assert job_cells(job) == (
        "walk-1", "running", "━━━━━━╌╌╌╌╌╌  50%", "12 of 24, 1 failed", "2", "1:15", "12:02 late", "96.1%",
    )  # fmt: skip
    cells = node_cells(node("n1", "paused", why="it is paused by anna"))
    assert cells[:2] == ("n1", "paused")
    assert cells[-1] == "it is paused by anna"


def test_the_terminal_shows_the_farm_and_its_keys_work(tmp_path: Path) -> None:
    farm = FakeFarm(tmp_path)
    farm_states.broken_node(farm)
    farm_states.sequence(farm)

    async def go() -> None:
        app = Top(farm)
        async with app.run_test(size=(140, 40)) as pilot:

            async def until(condition: Callable[[], bool]) -> None:
                async with asyncio.timeout(TIMEOUT_S):
                    while not condition():
                        await pilot.pause(0.02)

            jobs, nodes = app.query_one("#jobs", DataTable), app.query_one("#nodes", DataTable)
            await until(lambda: jobs.row_count == 1 and nodes.row_count == 3)
            assert str(app.query_one("#farm", Label).content) == "1 of 3 nodes rendering · 1 job running"
            assert "libLLVM.so" in str(nodes.get_row("n3"))
            jobs.focus()
            await pilot.press("s")
            await until(lambda: farm.calls == [("suspend", {"job": farm_states.WALK})])
            nodes.focus()
            await pilot.press("down", "d")
            await until(lambda: farm.calls[-1][0] == "configure_node")
            assert farm.calls[-1][1]["node"] == "n2"

    asyncio.run(go())
