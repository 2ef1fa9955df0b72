"""The network between a node and all else is cut while a still is rendered, on two machines made of namespaces."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from base64 import b64decode
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from storage.images import decode_exr
from tests.end_to_end.conftest import COMMAND, TIMEOUT_S, Studio, until
from tests.end_to_end.test_sharing import ended, nodes, scene, told
from tests.faults.stage import S3
from tests.lan import lan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lan import Machine

WIDTH, HEIGHT, SAMPLES = 320, 180, 64
NOTICED_S = 60.0
"""A scheduler misses a node that can't be reached within about half a minute."""
BEGUN_UNITS = 6
READ = """
import sys
from base64 import b64encode
from storage.objects import open_store
store, _, key = sys.argv[1].rpartition("/")
print(b64encode(open_store(store).read(key)).decode())
"""

Place = tuple[int, ...]
"""Samples from and to, then x and y likewise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Two machines and the cable of the second: all that serves a farm is on the first, only a node on the second."""

    near: Studio
    far: Studio
    cable: Machine


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    """Scheduler, Prefect server, S3 server and a node on one machine, another node on the other."""
    program = Path(sys.executable).with_name
    with ExitStack() as running:
        first, second = running.enter_context(lan(2))
        here = first.address
        s3 = S3(tmp_path / "s3", host=here, within=first.within)
        running.callback(s3.kill)
        settings = {
            **s3.environment,
            "PREFECT_HOME": str(tmp_path / "prefect"),
            "PREFECT_API_URL": f"http://{here}:4200/api",
            "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "FRONTBURNER_SCHEDULER": f"tcp://{here}:8786",
            "DO_NOT_TRACK": "1",
        }
        near, far = (
            Studio(
                home=tmp_path / name / "home", folder=tmp_path / name, within=machine.within, settings=settings
            )
            for name, machine in (("near", first), ("far", second))
        )  # fmt: skip
        for studio in (near, far):
            studio.folder.mkdir()
        for service in (
            (near, program("prefect"), "server", "start", "--host", here, "--port", "4200"),
            (near, program("dask"), "scheduler", "--host", here, "--port", "8786", "--no-dashboard"),
            (near, COMMAND, "node", "start", "--name", "near", "--threads", "1"),
            (far, COMMAND, "node", "start", "--name", "far", "--threads", "1"),
        ):
            studio, *command = service
            running.enter_context(studio.serving(*command))
        until(lambda: set(nodes(near)) == {"near", "far"})
        yield Network(near=near, far=far, cable=second)


def place(event: dict[str, Any]) -> Place:
    x0, y0, x1, y1 = event["region"]
    return (*event["samples"], x0, x1, y0, y1)


def drawn(journal: Path) -> Counter[Place]:
    """Units that renderers drew to their end, whatever became of them."""
    lines = journal.read_text().splitlines() if journal.exists() else []
    return Counter(tuple(map(int, re.findall(r"\d+", json.loads(line)["unit"]))) for line in lines)


def whole(studio: Studio, report: dict[str, Any]) -> bool:
    """Whether the picture is the null renderer's gradient; it is read where its store can be reached."""
    url = next(path for path in report["outputs"] if path.endswith(".exr"))
    read = [*studio.within, sys.executable, "-c", READ, url]
    done = subprocess.run(read, env=studio.environment, check=True, capture_output=True, timeout=TIMEOUT_S)
    pixels = decode_exr(b64decode(done.stdout))[0]
    y, x, c = np.ogrid[:HEIGHT, :WIDTH, :3]
    return np.array_equal(pixels[..., :3], ((3 * x + 5 * y + 7 * c + 11) % 256 / 256).astype(np.float32))


def covered(events: list[dict[str, Any]]) -> Counter[int]:
    """How many samples pixels were given by units that were stored, and how many pixels that is true of."""
    samples = np.zeros((HEIGHT, WIDTH), int)
    for event in events:
        if event["what"] == "unit finished":
            start, stop, x0, x1, y0, y1 = place(event)
            samples[y0:y1, x0:x1] += stop - start
    return Counter(samples.ravel().tolist())


def in_common(a: Place, b: Place) -> bool:
    return all(a[n] < b[n + 1] and b[n] < a[n + 1] for n in (0, 2, 4))


@pytest.mark.slow
def test_a_node_that_is_cut_off_is_missed_its_unit_rendered_elsewhere_and_it_comes_back(network: Network) -> None:
    near = network.near
    still = scene(near.folder, "still", size=f"{WIDTH}x{HEIGHT}", samples=SAMPLES, cost_s=70)
    command = ("--out", "s3://farm/pictures", "--exr", "float", "--json")
    with near.start("render", still, *command) as job:
        until(lambda: drawn(still.with_suffix(".journal")).total() >= BEGUN_UNITS)
        cut_s = time.time()
        network.cable.cut()
        report = ended(job)
    assert whole(near, report)
    assert (report["failed_frames"], report["set_aside"]) == ({}, {})

    events = told(near, report["job_id"])
    (missed,) = (event for event in events if event["what"] == "node lost")
    assert missed["node"] == "far"
    assert missed["units"] >= 1
    assert 0 < missed["at_s"] - cut_s < NOTICED_S

    begun, stored = (
        Counter(place(e) for e in events if e["what"] == what and e["node"] == "far")
        for what in ("unit started", "unit finished")
    )
    lost = begun - stored
    assert lost.total() == missed["units"]
    again = [e for e in events if e["what"] == "unit finished" and any(in_common(place(e), unit) for unit in lost)]
    assert {event["node"] for event in again} == {"near"}
    assert min(event["at_s"] for event in again) > missed["at_s"]
    assert covered(events) == {SAMPLES: WIDTH * HEIGHT}, "each pixel and sample was stored once"
    for_nothing = drawn(still.with_suffix(".journal")) - Counter(
        place(event) for event in events if event["what"] == "unit finished"
    )
    assert set(for_nothing) <= set(lost), "only what was never stored was drawn twice"

    assert set(nodes(near)) == {"near"}
    network.cable.mend()
    until(lambda: nodes(near).get("far", {}).get("state") == "idle")
    small = scene(near.folder, "next", size=f"{WIDTH}x{HEIGHT}", samples=SAMPLES, cost_s=8)
    with near.start("render", small, *command) as job:
        after = ended(job)
    assert whole(near, after)
    assert after["per_node"]["far"]["units"] > 0
    assert covered(told(near, after["job_id"])) == {SAMPLES: WIDTH * HEIGHT}
