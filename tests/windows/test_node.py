"""A Windows machine is a node of a Linux farm: it joins over TLS, and renders scenes that are sent over S3."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from distributed import Client

from storage.file_store import FileStore
from storage.objects import open_store
from tasks.job_context import JobContext, TransferMode
from tasks.node.node_state import local_builds
from tasks.node.unit_task import render_unit
from tasks.renderers import RENDERERS
from tasks.scene.manifest import manifest_of
from tasks.spec import FrameSpec, SampleRange, Size, UnitSpec
from tests.gateway.conftest import run_cluster, run_gateway
from tests.windows.programs import MAX, put_max

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.windows.machine import WindowsMachine

pytestmark = pytest.mark.slow  # `make test-windows` runs it

TIMEOUT_S = 600
SIZE = Size(width=24, height=16)
SCENES = Path(__file__).parents[1] / "renderers" / "scenes"
SENT = {
    "null": SCENES / "gradient.json", "specimen": SCENES / "ball.specimen", "mitsuba": SCENES / "room.xml",
    "max3ds": SCENES / "room.max",
}  # fmt: skip


@contextmanager
def joined(windows: WindowsMachine, folder: Path, environment: dict[str, str]) -> Iterator[Client]:
    """A Windows node that has joined a farm with a token; yields a client of the farm."""
    with (
        run_cluster(encrypted=True, folder=folder) as cluster,
        run_gateway(folder, scheduler=cluster.scheduler_address, environment=environment) as gateway,
    ):
        variables = {"FRONTBURNER_TOKEN": gateway.token("node"), "FRONTBURNER_3DSMAX": MAX}
        command = ["-m", "frontburner.cli", "node", "join", gateway.url, "--name", "w1", "--threads", "1"]
        with (
            (folder / "node.log").open("wb") as log,
            Client(cluster, set_as_default=False) as client,
            windows.start(*command, env=variables, stdout=log, stderr=log) as node,
        ):
            try:
                client.wait_for_workers(1, timeout=TIMEOUT_S)
                yield client
            finally:
                print((folder / "node.log").read_text(errors="replace"))
                node.kill()


def test_it_renders_what_linux_does(
    new_windows: Callable[[], WindowsMachine],
    s3_server: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    windows = new_windows()
    put_max(windows)
    environment = {name: value for name, value in s3_server.items() if name.startswith("AWS_")}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "room.max").write_bytes(b"a scene")
    job = JobContext(store_url=f"s3://{s3_server['bucket']}/windows", topic="", travel=TransferMode.YES)
    with joined(windows, tmp_path / "gate", environment) as client:
        for kind, place in SENT.items():
            scene = place if place.exists() else tmp_path / place.name
            unit = sent(kind, scene, client.submit(local_builds, kind).result(TIMEOUT_S)[0], job)
            (name,) = client.scheduler_info()["workers"].values()
            tile = client.submit(render_unit, unit, job, 0, pure=False).result(TIMEOUT_S)
            assert name["name"] == tile.record.node == "w1"
            np.testing.assert_allclose(tile.sums, expected(kind, unit, scene), atol=0.05 if kind == "mitsuba" else 0)


def sent(kind: str, scene: Path, build: str, job: JobContext) -> UnitSpec:
    """Send a scene to the store; returns a unit of its first frame."""
    info = RENDERERS[kind].inspect(scene, build=own_build(kind), frame=1, parameters=())
    manifest, store = manifest_of({1: [str(scene), *info.files]}, str(scene)), open_store(job.store_url)
    manifest.save(store)
    for file in manifest.contents:
        FileStore(store=store).put(Path(file.path), file.sha256)
    frame = FrameSpec(
        renderer=kind, build=build, scene=str(scene), scene_digest=info.digest, frame=1, size=SIZE, samples=1,
        manifest=manifest.digest,
    )  # fmt: skip
    return UnitSpec(frame=frame, region=SIZE.whole, samples=SampleRange(start=0, stop=1))


def own_build(kind: str) -> str:
    """The build of this machine that the node's is compared with; 3ds Max has none here, and needs none."""
    return "" if kind == "max3ds" else RENDERERS[kind].builds()[-1]


def expected(kind: str, unit: UnitSpec, scene: Path) -> np.ndarray:
    """What this machine renders."""
    if kind == "max3ds":
        y, x = np.mgrid[: SIZE.height, : SIZE.width]
        return np.stack([x / 256, y / 256, np.full(x.shape, 1 / 16), np.ones(x.shape)], axis=2)
    frame = replace(unit.frame, build=own_build(kind), scene=str(scene))
    return RENDERERS[kind].open(frame, threads=1).render(replace(unit, frame=frame)).sums
