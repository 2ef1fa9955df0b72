"""Renders a small scene with one build and exits with 0 if the picture is right. Run as ``python -m``.

The scene is asymmetric: glass to the left, a lamp to the upper right. Each quarter of the picture is compared with a
reference in colour, depth, normals and albedo, which reveals an exchanged library or plugin, a mirrored picture, and
one that is merely not black.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from tasks.renderers.trial import MEASURE_VARIABLE, SPEED_PREFIX

REFERENCE = Path(__file__).with_name("canary.json")
SIZE_PX = 16
SAMPLES = 128
_MEASURED_PX = 96
_MEASURED_S = 0.4
_SCENE: dict[str, Any] = {
    "type": "scene",
    "integrator": {
        "type": "aov",
        "aovs": "d:depth,n:sh_normal,a:albedo",
        "picture": {"type": "path", "max_depth": 3},
    },
    "sensor": {
        "type": "perspective",
        "film": {"type": "hdrfilm", "width": SIZE_PX, "height": SIZE_PX, "rfilter": {"type": "gaussian"}},
    },
    "glass": {"type": "sphere", "center": [0.5, -0.3, 3], "radius": 0.5, "bsdf": {"type": "dielectric"}},
    "wall": {
        "type": "sphere",
        "radius": 7.0,
        "flip_normals": True,
        "bsdf": {"type": "diffuse", "reflectance": {"type": "rgb", "value": [0.7, 0.4, 0.2]}},
    },
    "lamp": {
        "type": "sphere",
        "center": [-1.5, 1.5, 5],
        "radius": 0.5,
        "emitter": {"type": "area", "radiance": {"type": "rgb", "value": [20.0, 30.0, 40.0]}},
    },
}


def main(variant: str) -> None:
    """Render with Mitsuba's own loop, which compiles the same code as ours."""
    import mitsuba as mi

    mi.set_variant(variant)
    scene = mi.load_dict(_SCENE)
    fault = difference(quarters(scene, SAMPLES), json.loads(REFERENCE.read_text(encoding="utf-8")))
    if fault:
        raise SystemExit(f"the canary {fault}")
    if os.environ.get(MEASURE_VARIABLE):
        print(f"{SPEED_PREFIX} {samples_per_second(scene):.6g}")


def quarters(scene: Any, samples: int, seed: int = 0) -> list[list[float]]:  # noqa: ANN401 - a Mitsuba object
    """Return the mean of each channel over each quarter of the picture, row by row."""
    import mitsuba as mi
    import numpy as np

    picture = np.array(mi.render(scene, spp=samples, seed=seed), dtype=np.float64)
    half = SIZE_PX // 2
    blocks = picture.reshape(2, half, 2, half, -1).mean(axis=(1, 3))
    return [[float(value) for value in block] for block in blocks.reshape(4, -1)]


def difference(found: list[list[float]], reference: dict[str, list[list[float]]]) -> str:
    """Say how a picture differs from the reference, beyond the noise of its samples; empty if it doesn't."""
    if [len(block) for block in found] != [len(block) for block in reference["means"]]:
        return f"has {len(found[0])} channels instead of {len(reference['means'][0])}"
    for quarter, block in enumerate(found):
        for channel, value in enumerate(block):
            expected, tolerance = (reference[key][quarter][channel] for key in ("means", "tolerances"))
            if not abs(value - expected) <= tolerance:  # also true of not a number
                place = f"quarter {quarter + 1}, channel {channel + 1}"
                return f"is {value:.4g} in {place}, and should be {expected:.4g} ± {tolerance:.2g}"
    return ""


def samples_per_second(scene: Any) -> float:  # noqa: ANN401
    """Measure the samples rendered in a second, once everything is compiled."""
    import mitsuba as mi
    import numpy as np

    film = mi.load_dict({**_SCENE["sensor"]["film"], "width": _MEASURED_PX, "height": _MEASURED_PX})
    sensor = mi.load_dict({"type": "perspective", "film": film})
    samples, seconds = 4, 0.0
    while seconds < _MEASURED_S:
        samples *= 4
        for _ in range(2):  # the first one compiles
            began_s = time.perf_counter()
            np.array(mi.render(scene, sensor=sensor, spp=samples))  # waits for the pixels
            seconds = time.perf_counter() - began_s
    return _MEASURED_PX**2 * samples / seconds


if __name__ == "__main__":
    main(sys.argv[1])
