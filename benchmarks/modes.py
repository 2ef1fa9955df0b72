"""``make modes``: is ``auto`` ever slower than the better of ``tiles`` and ``frames``? Jobs of many shapes, in turn.

The nodes and their renderers are up all along and have the scene open: only how a job is cut differs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.alike import Album
from benchmarks.ratios import against, better_of, noise, said, spread, table, turn
from benchmarks.real import Work, fresh_nodes, ours, render
from frontburner.cluster.node_processes import cores
from frontburner.plan.unit_sizer import Mode

if TYPE_CHECKING:
    from distributed import Client

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "build" / "modes.json"
NODES = 2
COUNTS = {"small": (1, 2, 3, 5, 8, 24), "large": (1, 2, 3, 5)}
WALK = ROOT / "scenes" / "walk.xml"
WORKS = {
    "small": Work(scene=WALK, size="160x90", samples=16),
    "large": Work(scene=WALK, size="640x360", samples=32),
}
RIVALS = (Mode.TILES, Mode.FRAMES)
SLOWER = {True: "yes", False: "no", None: "one round can't tell"}


@dataclass(slots=True, kw_only=True)
class Shape:
    """Jobs of one number of frames of one size, rendered in each mode, as far as they have come."""

    name: str
    work: Work
    album: Album = field(default_factory=Album)
    walls: dict[str, list[float]] = field(default_factory=dict)

    def round(self, client: Client, number: int) -> None:
        """Render once in each mode."""
        for mode in turn(list(Mode), number):
            # A node that lost the race for the last pixels may still be writing.
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as out:
                outcome = render(client, replace(self.work, mode=mode).job(Path(out)), ours)
            self.album.check(mode, outcome.passes, outcome.pictures)
            self.walls.setdefault(mode, []).append(outcome.wall_s)

    def document(self) -> dict[str, Any]:
        """Return what came of it, as plain JSON values."""
        return {"size": self.work.size, "samples": self.work.samples, "frames": self.work.frames} | judged(self.walls)


def judged(walls: dict[str, list[float]]) -> dict[str, Any]:
    """Compare auto with the better of the other modes, and with how far that mode's own runs lie apart.

    Auto's own runs don't count as noise: a planner that is now fast and now slow would excuse itself.
    """
    better = better_of(walls, RIVALS)
    to_better, apart = against(walls, better)[Mode.AUTO], noise(walls[better])
    return {
        "wall_s": {mode: spread(seconds) for mode, seconds in walls.items()},
        "better": better,
        "auto_to_better": to_better,
        "auto_more_s": spread([mine - other for mine, other in zip(walls[Mode.AUTO], walls[better], strict=True)]),
        "noise": apart,
        "slower": to_better["median"] > 1 + apart if len(walls[better]) > 1 else None,
        "seconds": {mode: [round(wall_s, 3) for wall_s in seconds] for mode, seconds in walls.items()},
    }


def main() -> None:
    """Measure, print, and write ``build/modes.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="times each job is rendered in each mode, in turn")
    parser.add_argument("--only", choices=tuple(WORKS), help="frames of this size alone")
    parser.add_argument("--quick", action="store_true", help="one round of few small jobs: to see that it works")
    given = parser.parse_args()
    names = [given.only] if given.only else ["small"] if given.quick else list(WORKS)
    result: dict[str, Any] = {"cores": cores(), "nodes": NODES, "shapes": {}}
    with fresh_nodes(NODES) as client:
        for name in names:
            Shape(name=name, work=replace(WORKS[name], frames=NODES)).round(client, 0)  # opens the scene, compiles
            for frames in COUNTS[name][:3:2] if given.quick else COUNTS[name]:
                shape = Shape(name=name, work=replace(WORKS[name], frames=frames))
                for number in range(1 if given.quick else given.rounds):
                    shape.round(client, number)
                result["shapes"][f"{name}, {frames}"] = shape.document()
                print(f"{name}, {frames}: {shape.walls}", file=sys.stderr, flush=True)
                OUT.parent.mkdir(exist_ok=True)
                OUT.write_text(json.dumps(result, indent=1))
    print(f"\n{shown(result['shapes'])}\n\nwritten to {OUT.relative_to(ROOT)}")


def shown(shapes: dict[str, dict[str, Any]]) -> str:
    """Return the figures as a table."""
    head = ["frames", *(f"{mode}, s" for mode in Mode), "auto ÷ the better, median (least–most)"]
    head += ["more, s", "noise", "slower"]
    rows = [
        [
            name,
            *(f"{shape['wall_s'][mode]['median']:.2f}" for mode in Mode),
            f"{said(shape['auto_to_better'])} {shape['better']}",
            f"{shape['auto_more_s']['median']:.2f}",
            f"{shape['noise']:.0%}",
            SLOWER[shape["slower"]],
        ]
        for name, shape in shapes.items()
    ]
    return table(head, rows)


if __name__ == "__main__":
    main()
