"""Every job can be drawn, however many nodes and units it had, from a bounded number of bars."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from subprocess import run
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from frontburner import events as ev
from frontburner.jobs.job import make_job
from frontburner.plan.block import Block
from frontburner.reports.chart import draw
from frontburner.reports.node_chart import LOADING, PASSES, WASTED
from frontburner.reports.report import Report
from frontburner.reports.timeline import Activity, Timeline
from frontburner.run.prefect_artifacts import Artifacts
from frontburner.run.recording import keep_chart
from storage.objects import open_store
from tasks.spec import Region, SampleRange, UnitRecord

if TYPE_CHECKING:
    from collections.abc import Callable

PROBE, REST = SampleRange(start=0, stop=4), SampleRange(start=4, stop=64)
BLOCK = Block(frame=1, samples=REST, region=Region(x0=0, y0=0, x1=64, y1=32))
RECORD = UnitRecord(
    unit="u", node="a", build="1", isa="x", started_s=0, wall_s=1.0, cpu_s=1.0, load_s=0.1, peak_memory_bytes=0
)


def job(*, nodes: int, units: int, frames: int = 1, job_id: str = "room-1") -> Report:
    """A job whose nodes all render units of one second, ``units`` in all."""
    names = [f"node-{number + 1}" for number in range(nodes)]
    report = Report(renderer="null 1")
    report.take(ev.JobPlanned(at_s=0.0, job_id=job_id, frames=frames, pixel_samples=1, reused_frames=0, probe=PROBE))
    for name in names:
        report.take(ev.NodeJoined(at_s=0.0, node=name))
    report.take(ev.UnitStarted(at_s=0.0, node=names[0], block=BLOCK))
    for number in range(units):
        turn, place = divmod(number, nodes)
        samples = PROBE if turn == 0 and frames == 1 else REST
        block = replace(BLOCK, samples=samples, frame=1 + number % frames)
        report.take(ev.UnitFinished(at_s=turn + 1.0, node=names[place], block=block, record=RECORD))
    rates = np.linspace(0, 1e-6, 32).reshape(4, 8)
    report.take(ev.FarmMeasured(at_s=report.ended_s, speeds=dict.fromkeys(names, 1.0), rates=rates, cell_px=8))
    report.take(ev.FrameWritten(at_s=report.ended_s + 0.5, frame=1, outputs=("room.png",)))
    return report


def picture(report: Report) -> Image.Image:
    png = draw(report)
    assert len(png) < 1_000_000  # it travels inside an artifact
    return Image.open(io.BytesIO(png)).convert("RGB")


def colours(image: Image.Image) -> set[str]:
    return {f"#{r:02x}{g:02x}{b:02x}" for _, (r, g, b) in image.getcolors(1 << 24) or ()}  # type: ignore[misc]


def test_a_still_on_one_node_shows_its_passes_and_the_opening_of_its_scene() -> None:
    image = picture(job(nodes=1, units=5))
    assert image.width > 1000
    assert {PASSES[0], PASSES[1], LOADING} <= colours(image)
    assert WASTED not in colours(image)


def test_waste_failures_and_nodes_that_come_and_go_are_drawn() -> None:
    report = job(nodes=3, units=30)
    report.take(ev.UnitWasted(at_s=11.0, node="node-2", block=BLOCK, seconds=1.0))
    report.take(ev.UnitAttemptFailed(at_s=11.5, node="node-1", block=BLOCK, reason="crashed"))
    report.take(ev.NodeLost(at_s=11.6, node="node-3", units=1))
    report.take(ev.NodeJoined(at_s=11.7, node="node-4"))
    assert WASTED in colours(picture(report))


def test_a_thousand_nodes_and_twenty_thousand_units_fit_on_a_page() -> None:
    report = job(nodes=1000, units=20_000, frames=400)
    image = picture(report)
    assert image.width > 1000
    assert image.height < 2000


@pytest.mark.parametrize("job_id", ["cost $5 and $6", "寝室 – ночь", "a" * 200, ""])
def test_any_name_can_be_drawn(job_id: str) -> None:
    assert picture(job(nodes=2, units=4, job_id=job_id)).width > 1000


def test_a_job_with_nothing_to_render_or_nothing_measured_is_drawn_too() -> None:
    report = Report()
    report.take(ev.JobPlanned(at_s=0.0, job_id="room-1", frames=4, pixel_samples=1, reused_frames=4))
    assert picture(report).width > 1000
    report = job(nodes=2, units=4)
    report.measured = None
    assert picture(report).width > 1000


def test_a_job_that_only_failed_is_drawn() -> None:
    report = Report()
    for event in (
        ev.JobPlanned(at_s=0.0, job_id="room-1", frames=1, pixel_samples=1, reused_frames=0),
        ev.NodeJoined(at_s=0.0, node="a"),
        ev.UnitStarted(at_s=0.0, node="a", block=BLOCK),
        ev.UnitAttemptFailed(at_s=1.0, node="a", block=BLOCK, reason="crashed"),
        ev.FrameFailed(at_s=1.0, frame=1, reason="It crashed everywhere."),
    ):
        report.take(event)
    assert picture(report).width > 1000


@pytest.fixture
def ending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Report], dict[str, bytes]]:
    """What the end of a job does with its chart: what is in its store afterwards."""
    order = make_job({"scene": "scenes/interior.xml", "out": str(tmp_path)})
    store = open_store(order.out)
    monkeypatch.setattr("frontburner.run.prefect_artifacts.create_markdown_artifact", dict)

    def end(report: Report) -> dict[str, bytes]:
        artifacts = Artifacts(job_id=order.job_id, clock=lambda: 0.0)
        keep_chart(order.job_id, report, store, artifacts)
        artifacts.close()
        return {key: store.read(key) for key in store.list()}

    return end


def test_the_chart_is_stored_beside_the_report_and_an_idle_run_leaves_it(ending: Any) -> None:
    report = job(nodes=1, units=2)
    kept = ending(report)
    ((key, png),) = kept.items()
    assert report.chart is not None
    assert Path(report.document()["chart"]).as_posix().endswith(key)
    assert png.startswith(b"\x89PNG")
    again = Report()
    assert ending(again) == kept
    assert again.chart == report.chart
    assert ending(job(nodes=2, units=8)) != kept


def test_a_chart_that_fails_is_a_note_and_no_failed_job(ending: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Report) -> bytes:
        raise RuntimeError("no ink")

    monkeypatch.setattr("frontburner.run.recording.draw", fail)
    report = job(nodes=1, units=2)
    assert ending(report) == {}
    assert report.chart is None
    assert report.notes == ("The chart couldn't be drawn, kept or shown: no ink",)
    assert report.document()["units"] == 2


def test_drawing_leaves_no_global_state_and_is_loaded_only_when_it_draws() -> None:
    code = "import sys, frontburner.reports.chart; assert 'matplotlib' not in sys.modules"
    assert run([sys.executable, "-c", code], check=False).returncode == 0
    draw(job(nodes=1, units=2))
    assert "matplotlib.pyplot" not in sys.modules


def test_bars_are_bounded_and_lose_no_seconds() -> None:
    report = job(nodes=10, units=100_000)
    bars = [bar for bars in report.timeline.bars.values() for bar in bars]
    assert len(bars) == report.timeline.count <= report.timeline.max_bars
    assert sum(bar.busy_s for bar in bars) == pytest.approx(100_000 * 1.0)
    for of_node in report.timeline.bars.values():
        assert all(before.to_s <= after.from_s + 1e-6 for before, after in pairwise(of_node))


def test_bars_are_bounded_where_nodes_are_more_than_they() -> None:
    timeline = Timeline(max_bars=10)
    for turn in range(20):
        for node in range(25):
            timeline.add(f"{node}", Activity.RENDERING, ended_s=turn + 1.0, seconds=1.0)
    assert set(timeline.bars) == {f"{node}" for node in range(25)}
    assert timeline.count <= 50
    assert sum(bar.busy_s for bars in timeline.bars.values() for bar in bars) == pytest.approx(500)


def test_merged_bars_keep_the_colour_of_the_longer_and_know_how_full_they_are() -> None:
    timeline = Timeline(max_bars=6)
    later = (1000.0, 1000.2, 2000.0, 2000.2, 2000.4)
    units = [(1.0, 1.0, 7), (1.2, 0.1, 8), *((ended_s, 0.1, 9) for ended_s in later)]
    for ended_s, seconds, hue in units:
        timeline.add("a", Activity.RENDERING, ended_s=ended_s, seconds=seconds, hue=hue)
    assert timeline.count == 3
    first = timeline.bars["a"][0]
    assert (first.hue, first.from_s, first.to_s) == (7, 0.0, 1.2)
    assert first.busy_s == pytest.approx(1.1)


def test_bars_without_times_are_drawn_too() -> None:
    timeline = Timeline(max_bars=10)
    for _ in range(30):
        timeline.add("a", Activity.RENDERING, ended_s=0.0, seconds=1.0)
    assert sum(bar.busy_s for bar in timeline.bars["a"]) == pytest.approx(30)


def test_units_reported_at_once_are_drawn_one_after_the_other() -> None:
    timeline = Timeline()
    for hue in range(3):
        timeline.add("a", Activity.RENDERING, ended_s=10.0, seconds=2.0, hue=hue)
    assert [(bar.hue, bar.from_s, bar.to_s) for bar in timeline.bars["a"]] == [(0, 4, 6), (1, 6, 8), (2, 8, 10)]
