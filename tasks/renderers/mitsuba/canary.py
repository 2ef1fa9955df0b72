"""Render a small scene with one build and exit with 0 if its pixels are sound. Run as ``python -m``."""

from __future__ import annotations

import sys
from typing import Any

_SCENE: dict[str, Any] = {
    "type": "scene",
    "integrator": {"type": "aov", "aovs": "d:depth,n:sh_normal,a:albedo", "picture": {"type": "path"}},
    "sensor": {
        "type": "perspective",
        "film": {"type": "hdrfilm", "width": 16, "height": 16, "rfilter": {"type": "gaussian"}},
    },
    "glass": {"type": "sphere", "center": [0, 0, 4], "bsdf": {"type": "dielectric"}},
    "wall": {"type": "sphere", "radius": 20.0, "bsdf": {"type": "diffuse"}},
    "lamp": {"type": "sphere", "center": [3, 3, 3], "emitter": {"type": "area"}},
}


def main(variant: str) -> None:
    """Render with Mitsuba's own loop, which compiles what ours does."""
    import mitsuba as mi
    import numpy as np

    mi.set_variant(variant)
    scene = mi.load_dict(_SCENE)
    mean = float(np.array(mi.render(scene, spp=4)).mean())
    if not 0 < mean < 1e3:
        raise SystemExit(f"error: the canary's mean is {mean}")


if __name__ == "__main__":
    main(sys.argv[1])
