"""``python -m benchmarks.tile``: a task of `benchmarks.task_queue`, which renders and stores one tile."""

from __future__ import annotations

import json
import pickle
import sys
import time

from storage.objects import open_store
from tasks.node import renderer_child
from tasks.node.unit_ledger import UnitLedger
from tasks.picture.stitch import check_tile
from tasks.spec import Tile, UnitRecord


def main() -> None:
    """Render the unit on standard input, and print the seconds of loading and rendering."""
    unit, store_url, threads = pickle.load(sys.stdin.buffer)
    rendered = renderer_child.render(unit, threads)
    pixels = rendered.pixels
    record = UnitRecord(
        unit=unit.digest, node="task", build=rendered.build, isa=rendered.isa, started_s=time.time() - rendered.wall_s,
        wall_s=rendered.wall_s, cpu_s=rendered.cpu_s, load_s=rendered.load_s,
        peak_memory_bytes=rendered.peak_memory_bytes, costs=pixels.costs,
    )  # fmt: skip
    tile = Tile(region=unit.region, samples=unit.samples, channels=pixels.channels, sums=pixels.sums, record=record)
    check_tile(tile, unit)
    UnitLedger(store=open_store(store_url)).create(unit, tile)
    print(json.dumps({"load_s": rendered.load_s, "render_s": rendered.wall_s - rendered.load_s}))


if __name__ == "__main__":
    main()
