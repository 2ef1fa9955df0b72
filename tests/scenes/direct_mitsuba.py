"""Renders scenes with Mitsuba itself, from several seeds: the mean, and how far pixels are apart.

Reads a case a line from standard input, and answers each with a line. Options of a case's ``direct``:

``seeds``      how many pictures are averaged
``parameters`` values of the scene's ``$names``
``integrator`` what renders a scene that has none
``sensor``     the number of the camera
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tests.scenes.opened_files import mark
from tests.scenes.picture_file import write


def main(variant: str) -> None:
    """Answer each line until there are no more."""
    import drjit as dr
    import mitsuba as mi

    mi.set_variant(variant)
    dr.set_thread_count(2)
    for line in sys.stdin:
        case = json.loads(line)
        try:
            answer = {"pictures": render(mi, case, Path(case["out"])), "error": ""}
        except Exception as error:  # noqa: BLE001 - Mitsuba raises all kinds
            answer = {"pictures": {}, "error": f"{error}"[:400]}
        print(json.dumps(answer), flush=True)


def render(mi: Any, case: dict[str, Any], out: Path) -> dict[int, str]:
    """Render the frames of a case; returns the names of their pictures without suffix."""
    how, job, pictures = case["direct"], case["job"], {}
    for frame in case["frames"]:
        mark(f"{case['name']}/{frame}")
        values = {name: str(value) for name, value in how.get("parameters", {}).items()}
        os.chdir(Path(case["scene"]).parent)
        scene = mi.load_file(case["scene"], **values)
        samples = int(job.get("samples", 0))
        drawn = np.stack([draw(mi, scene, how, samples, seed + 1) for seed in range(how.get("seeds", 6))])
        count = len(drawn)
        pictures[frame] = str(out / f"{case['name']}.{frame}")
        write(f"{pictures[frame]}.exr", drawn.mean(0))
        # Filters make neighbours alike, so that means of blocks scatter up to twice as much.
        spread = 2 * drawn.std(0, ddof=1) * np.sqrt(1 + 1 / count) if count > 1 else np.zeros_like(drawn[0])
        write(f"{pictures[frame]}.error.exr", spread)
    mark("")
    return pictures


def draw(mi: Any, scene: Any, how: dict[str, Any], samples: int, seed: int) -> Any:
    """Return a picture of grey or colour, with or without alpha, as RGBA."""
    integrator = scene.integrator() or mi.load_dict(how["integrator"])
    camera = how.get("sensor", 0)
    mi.render(scene, integrator=integrator, spp=samples, seed=seed, sensor=camera)
    bitmap = scene.sensors()[camera].film().bitmap()
    names, pixels = [channel.name for channel in bitmap.struct_()], np.array(bitmap, np.float64)
    pixels = pixels.reshape(*pixels.shape[:2], len(names))
    planes = [pixels[..., names.index(letter)] for letter in ("RGB" if "R" in names else "YYY")]
    planes.append(pixels[..., names.index("A")] if "A" in names else np.ones_like(planes[0]))
    return np.stack(planes, axis=2)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "llvm_ad_rgb")
