"""Memory that finishing frames takes on nodes, for 4K frames of synthetic tiles.

python -m benchmarks.finishing --frames 200            # as Frontburner does it, with bounded memory
python -m benchmarks.finishing --together 31           # one task that holds all frames
"""

from __future__ import annotations

import argparse
import json
import os
import time
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import psutil
from distributed import Client, get_worker

from frontburner.cluster.node_processes import local_nodes
from frontburner.jobs.job import make_job
from frontburner.jobs.layout import Layout, lay_out
from frontburner.run.finishing import Finisher
from system.machine import peak_memory_bytes
from tasks.job_context import JobContext
from tasks.picture.frame_output import FrameRecord, stitch_picture
from tasks.renderers.base import Capabilities, SceneInfo
from tasks.scene.frame_scenes import FrameScene
from tasks.spec import FrameSpec, Region, SampleRange, Size, Tile, UnitRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distributed import Future

    from tasks.picture.frame_output import PictureOrder

SIZE = Size(width=3840, height=2160)
MEGABYTE = 1_000_000
AHEAD = 8
"""Frames that are rendered before the first one is finished, since nodes render meanwhile."""


def tile_of(frame: FrameSpec, region: Region, samples: SampleRange) -> Tile:
    """Make a whole frame's tile on a node."""
    record = UnitRecord(
        unit="", node=str(get_worker().name), build=frame.build, isa="", started_s=0.0, wall_s=0.0, cpu_s=0.0,
        load_s=0.0, peak_memory_bytes=0,
    )  # fmt: skip
    sums = np.ones((region.height, region.width, len(frame.channels)), np.float32)
    return Tile(region=region, samples=samples, channels=frame.channels, sums=sums, record=record)


def stitched(tiles: Sequence[Sequence[Tile]], orders: Sequence[PictureOrder], *_: object) -> list[FrameRecord]:
    """Stitch frames; encoding and writing are the same either way and are skipped."""
    for of_frame, order in zip(tiles, orders, strict=True):
        stitch_picture(of_frame, order)
    return [FrameRecord(frame=order.frame.frame, files={}) for order in orders]


def peak_bytes() -> int:
    """Return the peak memory of this process."""
    return peak_memory_bytes(os.getpid())


class Tiles:
    """The farm for a finisher: tiles are made on nodes as if they had just been rendered."""

    def __init__(self, client: Client, layout: Layout) -> None:
        self._client, self._layout, self._tiles = client, layout, dict[int, "Future"]()
        self.context = JobContext(store_url="", topic="")
        self.admission = client

    def render(self, frame: int) -> None:
        """Make a frame's tile on a node."""
        spec, samples = self._layout.frames[frame], self._layout.passes[0]
        self._tiles[frame] = self._client.submit(tile_of, spec, self._layout.region, samples, pure=False)

    def tile(self, ticket: int) -> Future:
        """Return a frame's tile."""
        return self._tiles[ticket]

    def forget(self, tickets: Sequence[int]) -> None:
        """Release tiles."""
        for ticket in tickets:
            self._tiles.pop(ticket, None)

    def unload(self, tickets: Sequence[int]) -> None:
        """Make tiles again, as if they were read from a store."""
        for ticket in tickets:
            self.render(ticket)

    def submit(self, _work: object, *args: Any, priority: int = 0) -> Future:  # noqa: ANN401 - the finisher's own
        """Stitch frames on a node."""
        return self._client.submit(stitched, *args, pure=False, priority=priority)


def layout_of(frames: int) -> Layout:
    """Return the layout of a job of so many 4K frames."""
    job = make_job({"scene": "x.json", "renderer": "null", "frames": f"1-{frames}"})
    scenes = tuple(FrameScene(frame=number + 1, path="x.json") for number in range(frames))
    info = SceneInfo(digest="0" * 64, size=SIZE, samples=1, files=(), cameras=())
    able = Capabilities(exact_regions=True, exact_samples=True, aovs=frozenset())
    return lay_out(job, build="1", capabilities=able, scenes=scenes, infos={each.frame: info for each in scenes})


def main() -> None:
    """Finish frames, and print the memory and time it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--together", type=int, default=0)
    given = parser.parse_args()
    frames = given.together or given.frames
    layout, began_s = layout_of(frames), time.monotonic()
    with local_nodes(2) as cluster, Client(cluster, set_as_default=False) as client:
        before = max(client.run(peak_bytes).values())
        tiles = Tiles(client, layout)
        if given.together:
            for frame in layout.frames:
                tiles.render(frame)
            of_frames = [[tiles.tile(frame)] for frame in layout.frames]
            client.submit(stitched, of_frames, list(layout.orders.values()), pure=False).result()
        else:
            _finish(tiles, client, layout)
        peak = max(client.run(peak_bytes).values())
    print(json.dumps({
        "frames": frames, "together": given.together, "node_before_mb": before // MEGABYTE,
        "node_peak_mb": peak // MEGABYTE, "own_mb": psutil.Process().memory_info().rss // MEGABYTE,
        "seconds": round(time.monotonic() - began_s, 1),
    }))  # fmt: skip


def _finish(tiles: Tiles, client: Client, layout: Layout) -> None:
    done: list[int] = []
    farm = cast("Any", tiles)
    farm.admission = type("Admission", (), {"addresses": client.scheduler_info()["workers"]})
    finisher = Finisher(
        farm=farm, layout=layout, metadata={}, clock=time.monotonic, on_ended=lambda frame, *_: done.append(frame)
    )
    for frame in layout.frames:
        tiles.render(frame)
        finisher.add(frame, [frame])
        while frame - len(done) > AHEAD:
            finisher.poll()
            time.sleep(0.01)
    while finisher.busy:
        finisher.poll(flush=True)
        time.sleep(0.01)


if __name__ == "__main__":
    main()
