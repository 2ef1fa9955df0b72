"""``make modes`` tests whether ``auto`` is ever slower than the better of ``tiles`` and ``frames``.

Jobs of many sizes are rendered in turn. Nodes and renderers run throughout and have the scene open, so only the cut
differs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.picture_check import ReferencePictures
from benchmarks.ratios import fastest, format_spread, noise, ratios_to, rotated, spread, table
from benchmarks.real import Workload, fresh_nodes, our_planner, render
from frontburner.plan.unit_sizer import Mode
from system.machine import cores

if TYPE_CHECKING:
    from distributed import Client

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "build" / "modes.json"
NODES = 2
COUNTS = {"small": (1, 2, 3, 5, 8, 24), "large": (1, 2, 3, 5), "costly units": (1, 2, 3, 5)}
WALK = ROOT / "scenes" / "walk.xml"
COSTLY_UNITS = ROOT / "benchmarks" / "costly_units.json"
"""Each unit takes two seconds whatever its size, as with a renderer that starts anew for each."""
WORKLOADS = {
    "small": Workload(scene=WALK, size="160x90", samples=16),
    "large": Workload(scene=WALK, size="640x360", samples=32),
    "costly units": Workload(scene=COSTLY_UNITS, size="640x360", samples=32),
}
OTHER_MODES = (Mode.TILES, Mode.FRAMES)
SLOWER = {True: "yes", False: "no", None: "one round can't tell"}


@dataclass(slots=True, kw_only=True)
class Case:
    """A job of one size and number of frames, and its times in each mode."""

    name: str
    workload: Workload
    reference: ReferencePictures = field(default_factory=ReferencePictures)
    walls: dict[str, list[float]] = field(default_factory=dict)

    def round(self, client: Client, number: int) -> None:
        """Render once in each mode."""
        for mode in rotated(list(Mode), number):
            # A node whose unit was superseded may still be writing.
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as out:
                outcome = render(client, replace(self.workload, mode=mode).job(Path(out)), our_planner)
            self.reference.check(mode, outcome.passes, outcome.pictures)
            self.walls.setdefault(mode, []).append(outcome.wall_s)

    def document(self) -> dict[str, Any]:
        """Return the results as JSON values."""
        job = {name: getattr(self.workload, name) for name in ("size", "samples", "frames")}
        return job | compare_modes(self.walls)


def compare_modes(walls: dict[str, list[float]]) -> dict[str, Any]:
    """Compare auto with the better of the other modes, and the difference with the noise of that mode.

    Auto's own runs don't count as noise, or a planner with erratic times would excuse itself.
    """
    better = fastest(walls, OTHER_MODES)
    to_better, noise_part = ratios_to(walls, better)[Mode.AUTO], noise(walls[better])
    pairs = zip(walls[Mode.AUTO], walls[better], strict=True)
    return {
        "wall_s": {mode: spread(seconds) for mode, seconds in walls.items()},
        "better": better,
        "auto_to_better": to_better,
        "auto_more_s": spread([auto_s - better_s for auto_s, better_s in pairs]),
        "noise": noise_part,
        "slower": to_better["median"] > 1 + noise_part if len(walls[better]) > 1 else None,
        "seconds": {mode: [round(wall_s, 3) for wall_s in seconds] for mode, seconds in walls.items()},
    }


def main() -> None:
    """Measure, print, and write ``build/modes.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="times each job is rendered in each mode")
    parser.add_argument("--only", choices=tuple(WORKLOADS), help="only frames of this size")
    parser.add_argument("--quick", action="store_true", help="test with one round of a few small jobs")
    given = parser.parse_args()
    names = [given.only] if given.only else ["small"] if given.quick else list(WORKLOADS)
    result: dict[str, Any] = {"cores": cores(), "nodes": NODES, "shapes": {}}
    with fresh_nodes(NODES) as client:
        for name in names:
            # The first job opens the scene and compiles kernels.
            Case(name=name, workload=replace(WORKLOADS[name], frames=NODES)).round(client, 0)
            for frames in COUNTS[name][:3:2] if given.quick else COUNTS[name]:
                case = Case(name=name, workload=replace(WORKLOADS[name], frames=frames))
                for number in range(1 if given.quick else given.rounds):
                    case.round(client, number)
                result["shapes"][f"{name}, {frames}"] = case.document()
                print(f"{name}, {frames}: {case.walls}", file=sys.stderr, flush=True)
                OUT.parent.mkdir(exist_ok=True)
                OUT.write_text(json.dumps(result, indent=1))
    print(f"\n{shown(result['shapes'])}\n\nwritten to {OUT.relative_to(ROOT)}")


def shown(shapes: dict[str, dict[str, Any]]) -> str:
    """Return the results as a table."""
    head = ["frames", *(f"{mode}, s" for mode in Mode), "auto ÷ the better, median (least–most)"]
    head += ["more, s", "noise", "slower"]
    rows = [
        [
            name,
            *(f"{shape['wall_s'][mode]['median']:.2f}" for mode in Mode),
            f"{format_spread(shape['auto_to_better'])} {shape['better']}",
            f"{shape['auto_more_s']['median']:.2f}",
            f"{shape['noise']:.0%}",
            SLOWER[shape["slower"]],
        ]
        for name, shape in shapes.items()
    ]
    return table(head, rows)


if __name__ == "__main__":
    main()
