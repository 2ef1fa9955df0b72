"""The page of a real farm shows real jobs as they are rendered, and controls them and their nodes."""

from __future__ import annotations

import json
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.end_to_end.conftest import TIMEOUT_S, Studio, prefect, studio, until
from tests.end_to_end.test_sharing import nodes, running_farm, scene
from tests.monitor.browser import WAIT_MS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.monitor.browser import Visit

pytestmark = pytest.mark.slow

__all__ = ["prefect", "studio"]

PAINTED = """() => { const c = document.querySelector('.viewer canvas'); if (!c || !c.width) return 0;
    const p = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
    let n = 0; for (let i = 3; i < p.length; i += 4) n += p[i] > 0; return n / (p.length / 4); }"""


@contextmanager
def the_monitor(studio: Studio, **environment: str) -> Iterator[str]:
    """The command, which must end cleanly on SIGTERM though a page holds its streams."""
    with studio.start("monitor", "--port", 0, **environment) as monitor:
        try:
            assert monitor.stdout is not None
            yield monitor.stdout.readline().strip()
        finally:
            monitor.send_signal(signal.SIGTERM)
            _, said = monitor.communicate(timeout=TIMEOUT_S)
    assert monitor.returncode in (0, -signal.SIGTERM), said
    assert "Traceback" not in said


def state(studio: Studio, job: str) -> str:
    done = studio.run("job", "show", job, "--json")
    return str(json.loads(done.stdout)["state"]) if done.returncode == 0 else ""


def test_real_jobs_are_shown_and_controlled(studio: Studio, prefect: dict[str, str], visit: Visit) -> None:
    still = scene(studio.folder, "still", size="640x360", samples=64, cost_s=40, uneven=4)
    walk = scene(studio.folder, "walk", cost_s=3)
    with running_farm(studio, 2) as address:
        farm: dict[str, Any] = {**prefect, "FRONTBURNER_SCHEDULER": address}
        with the_monitor(studio, **farm) as page:
            visit.go(page)
            visit.sees("The farm is ready and has no jobs.")
            with studio.start("render", still, "--out", studio.folder / "out", **farm) as command:
                visit.page.locator("a.job").first.click(timeout=WAIT_MS)
                until(lambda: visit.page.evaluate(PAINTED) > 0.3)
                visit.page.locator(".in-flight rect").first.wait_for()
                job = visit.page.url.rsplit("/", 1)[1]
                visit.press("Suspend")
                command.communicate(timeout=TIMEOUT_S)
                assert command.returncode == 4, "suspended by the page"
            visit.page.get_by_text("suspended").first.wait_for()
            visit.press("Resume")
            visit.page.get_by_text("running").first.wait_for(timeout=WAIT_MS)
            visit.open("node/node-1")
            visit.press("Pause")
            until(lambda: nodes(studio)["node-1"]["state"] == "paused")
            visit.page.locator(".title").get_by_text("paused").wait_for()
            visit.press("Resume")
            until(lambda: nodes(studio)["node-1"]["state"] != "paused")
            visit.open(f"job/{job}")
            visit.page.get_by_text("completed").first.wait_for(timeout=WAIT_MS)
            until(lambda: visit.page.evaluate("document.querySelector('.zoom img')?.naturalWidth") == 640)
            assert state(studio, job) == "completed"
            assert not list((studio.folder / "out" / "_frontburner" / "jobs" / job / "parts").glob("*.jpg"))
            with studio.start("render", walk, "--frames", "1-6", "--out", studio.folder / "out", **farm) as command:
                command.communicate(timeout=TIMEOUT_S)
                assert command.returncode == 0
            visit.open("jobs")
            visit.page.get_by_role("link", name="walk").click()
            until(lambda: visit.page.locator(".frame-cell[data-frame='p'] img").count() == 6)
            until(
                lambda: visit.page.evaluate(
                    "[...document.querySelectorAll('.frame-cell img')].every(i => i.naturalWidth > 0)"
                )
            )
