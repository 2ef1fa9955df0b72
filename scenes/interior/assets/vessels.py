"""Glasses, pots and lamps: what is turned on a lathe."""

from __future__ import annotations

import numpy as np

from .forms import lathe, spline, vessel


def glassware() -> None:
    """Carafe, tumbler, fluted vase, bottle vase and pendant globe."""
    vessel(
        [
            (0.0, 0.0),
            (0.048, 0.001),
            (0.058, 0.01),
            (0.060, 0.06),
            (0.055, 0.12),
            (0.032, 0.18),
            (0.022, 0.215),
            (0.024, 0.25),
            (0.033, 0.272),
        ],
        0.003,
        32,
        2,
    ).save("carafe")
    vessel([(0.0, 0.0), (0.030, 0.001), (0.035, 0.008), (0.037, 0.05), (0.039, 0.092)], 0.0025, 28, 2).save("tumbler")
    vessel(
        [
            (0.0, 0.0),
            (0.055, 0.001),
            (0.07, 0.015),
            (0.10, 0.09),
            (0.105, 0.15),
            (0.075, 0.24),
            (0.055, 0.28),
            (0.065, 0.33),
        ],
        0.005,
        56,
        2,
        ribs=14,
        depth=0.025,
    ).save("fluted_vase")
    vessel(
        [
            (0.0, 0.0),
            (0.11, 0.002),
            (0.145, 0.02),
            (0.165, 0.12),
            (0.155, 0.22),
            (0.10, 0.31),
            (0.048, 0.36),
            (0.042, 0.43),
            (0.052, 0.46),
        ],
        0.006,
        36,
        2,
    ).save("demijohn")
    a = np.linspace(0.0, np.pi - 0.22, 17)
    globe = [(0.135 * np.sin(x), -0.135 * np.cos(x)) for x in a]
    lathe(np.asarray(globe), 40).save("globe")
    pot = [
        (0.0, 0.0),
        (0.12, 0.0),
        (0.14, 0.01),
        (0.175, 0.16),
        (0.185, 0.30),
        (0.188, 0.345),
        (0.18, 0.352),
        (0.172, 0.345),
        (0.168, 0.31),
        (0.1, 0.305),
        (0.0, 0.305),
    ]
    lathe(spline(pot, 2), 32).save("pot")
    jar = [
        (0.0, 0.0),
        (0.05, 0.0),
        (0.07, 0.012),
        (0.09, 0.08),
        (0.08, 0.15),
        (0.04, 0.20),
        (0.032, 0.225),
        (0.042, 0.245),
        (0.034, 0.243),
        (0.026, 0.22),
        (0.02, 0.15),
    ]
    lathe(spline(jar, 2), 28).save("jar")
    shade = [(0.215, 0.0), (0.165, 0.30)]
    lathe(np.asarray(shade), 40).save("shade", uvs=True)
