"""Overhead of a unit: real nodes, a real store, and a renderer that does nothing."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from distributed import Client

from frontburner.cluster.dask_farm import DaskFarm
from frontburner.cluster.node_processes import local_nodes
from frontburner.dispatch.dispatcher import Dispatcher
from frontburner.plan.planner import FrameWork, Planner
from frontburner.plan.unit_sizer import Mode
from tasks.renderers import renderer
from tasks.spec import FrameSpec, SampleRange, Size, UnitSpec

if TYPE_CHECKING:
    from frontburner.plan.block import Block

SIZE = Size(width=64, height=36)


def measure(*, units: int, nodes: int) -> dict[str, float]:
    """Run units of one sample of a tiny frame, which are rendered, checked, stored and reported like any other."""
    with tempfile.TemporaryDirectory() as folder, local_nodes(nodes) as cluster, Client(cluster) as client:
        scene = Path(folder) / "empty.json"
        scene.write_text(json.dumps({"size": f"{SIZE.width}x{SIZE.height}", "samples": units}))
        null = renderer("null")
        build = null.builds()[0]
        info = null.inspect(scene, build=build, frame=1, parameters=())

        def unit(block: Block) -> UnitSpec:
            frame = FrameSpec(
                renderer="null", build=build, scene=str(scene), scene_digest=info.digest, frame=block.frame,
                size=SIZE, samples=units,
            )  # fmt: skip
            return UnitSpec(frame=frame, region=block.region, samples=block.samples)

        with DaskFarm(client=client, renderer="null", topic="overhead", store_url=str(Path(folder) / "store")) as farm:
            farm.wait_for_reports()
            farm.open(build, unit)
            _dispatch(farm, frame=1, units=50)  # warm up: connections, renderer processes
            wall_s = _dispatch(farm, frame=2, units=units)
    return {
        "units": units, "nodes": nodes, "wall_s": round(wall_s, 3), "units_per_s": round(units / wall_s, 1),
        "overhead_ms": round(1000 * nodes * wall_s / units, 2),
    }  # fmt: skip


def _dispatch(farm: DaskFarm, *, frame: int, units: int) -> float:
    planner = Planner(
        frames=[FrameWork(frame=frame)],
        size=SIZE,
        region=SIZE.whole,
        passes=[SampleRange(start=sample, stop=sample + 1) for sample in range(units)],
        mode=Mode.FRAMES,
    )
    dispatcher = Dispatcher(
        planner=planner, farm=farm, clock=time.monotonic, on_rendered=lambda _frame, tickets: farm.forget(tickets)
    )
    farm.admission.announce_all()
    began_s = time.monotonic()
    dispatcher.run()
    return time.monotonic() - began_s


if __name__ == "__main__":
    print(json.dumps(measure(units=1000, nodes=2), indent=1))
