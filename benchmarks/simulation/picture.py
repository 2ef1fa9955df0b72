"""``python -m benchmarks.simulation.picture`` measures the cost map of the sample still for the simulation."""

from __future__ import annotations

import tempfile
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

from frontburner.plan.cost_map import CostMap
from tasks.node.renderer_process import RendererProcess
from tasks.renderers import renderer
from tasks.spec import FrameSpec, Region, SampleRange, Size, UnitSpec

SCENE = Path(__file__).resolve().parents[2] / "scenes" / "interior.xml"
MAP = Path(__file__).with_name("interior.npy")
SIZE = Size(width=640, height=360)
SAMPLES = 256
TILES = 8


def measure() -> None:
    """Render the sample still in tiles, and save seconds per pixel and sample."""
    cost = CostMap(SIZE)
    with tempfile.TemporaryDirectory() as logs, RendererProcess(node="here", threads=1, logs=Path(logs)) as process:
        build = process.call(renderer("mitsuba").builds)[0]
        inspect = partial(renderer("mitsuba").inspect, SCENE, build=build, frame=1, parameters=())
        frame = FrameSpec(
            renderer="mitsuba", build=build, scene=str(SCENE), scene_digest=process.call(inspect).digest, frame=1,
            size=SIZE, samples=SAMPLES,
        )  # fmt: skip
        samples = SampleRange(start=0, stop=SAMPLES)
        width, height = SIZE.width // TILES, SIZE.height // TILES
        for row, column in product(range(TILES), repeat=2):
            x0, y0 = column * width, row * height
            region = Region(x0=x0, y0=y0, x1=x0 + width, y1=y0 + height)
            rendered = process.render(UnitSpec(frame=frame, region=region, samples=samples))
            took_s = rendered.wall_s - rendered.load_s
            cost.learn(region, samples=SAMPLES, reference_s=took_s, costs=rendered.pixels.costs)
    np.save(MAP, cost.rates.astype(np.float32))


if __name__ == "__main__":
    measure()
