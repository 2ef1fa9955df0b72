"""The plants."""

from __future__ import annotations

import numpy as np

from .forms import leaf, tube
from .mesh import merged, rotation


def plants() -> None:
    """A rubber plant for the corner and dry branches for the tall glass."""
    rng = np.random.default_rng(7)
    leaves, stems = [], []
    for stem in range(4):
        lean = rotation("y", 90 * stem + 20) @ np.array([1.0, 0.0, 0.0])
        height = (1.35, 1.1, 1.22, 0.9)[stem]
        t = np.linspace(0, 1, 8)[:, None]
        path = np.array([0, 0.29, 0]) + lean * (0.05 + 0.20 * t**1.6) + np.array([0, height, 0]) * t
        stems.append(tube(path, np.linspace(0.011, 0.005, 8), 6))
        count = 15
        for k in range(count):
            f = 0.28 + 0.72 * k / (count - 1)
            base = np.array([np.interp(f, t[:, 0], path[:, i]) for i in range(3)])
            length = rng.uniform(0.25, 0.34) * (1.1 - 0.3 * f)
            blade = leaf(length, length * 0.52, rng.uniform(0.1, 0.45))
            pose = rotation("y", 137.5 * k + 40 * stem) @ rotation("z", rng.uniform(5, 35) + 38 * f**3)
            leaves.append(blade.transformed(pose, base))
    merged(leaves).save("plant_leaves")

    twigs, buds = [], []
    for branch in range(5):
        turn = rotation("y", 72 * branch + 15)
        t = np.linspace(0, 1, 9)[:, None]
        height = rng.uniform(0.62, 0.92)
        out = turn @ np.array([1.0, 0.0, 0.0])
        path = out * (0.012 - 0.05 * (1 - t) + 0.26 * t**2.2) + np.array([0, height, 0]) * t
        path += np.array([0.0, 0.02, 0.0])
        twigs.append(tube(path, np.linspace(0.004, 0.0015, 9), 5))
        for k in range(14):
            f = 0.55 + 0.45 * k / 13
            base = np.array([np.interp(f, t[:, 0], path[:, i]) for i in range(3)])
            blade = leaf(rng.uniform(0.07, 0.10), 0.034, 0.15, 3)
            pose = rotation("y", 180.0 * k + 30 * branch + rng.uniform(-30, 30)) @ rotation("z", 35)
            buds.append(blade.transformed(pose, base))
    merged(stems).save("plant_stems")
    merged(twigs).save("twigs")
    merged(buds).save("twig_leaves")
