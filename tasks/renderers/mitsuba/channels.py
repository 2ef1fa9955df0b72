"""Requests AOVs from Mitsuba, and finds them among the channels an integrator returns."""

from __future__ import annotations

from typing import Any

import mitsuba as mi

from tasks.renderers.mitsuba.grid import BLOCK_PX
from tasks.spec import Aov

_PREFIX = "frontburner_"
_KINDS = {Aov.DEPTH: ("depth", "T"), Aov.NORMAL: ("sh_normal", "XYZ"), Aov.ALBEDO: ("albedo", "RGB")}


def integrator_for(integrator: Any, aovs: tuple[Aov, ...]) -> Any:  # noqa: ANN401 - Mitsuba objects
    """Wrap the scene's integrator in one that adds AOVs, if any are requested."""
    if not aovs:
        return integrator
    requested = ",".join(f"{_PREFIX}{aov}:{_KINDS[aov][0]}" for aov in aovs)
    return mi.load_dict({"type": "aov", "aovs": requested, "picture": integrator, "block_size": BLOCK_PX})


def aov_indices(integrator: Any, aovs: tuple[Aov, ...]) -> list[int]:  # noqa: ANN401
    """Return the index of each AOV channel among the extra channels of an integrator's samples."""
    names = integrator.aov_names()
    return [names.index(f"{_PREFIX}{aov}.{letter}") for aov in aovs for letter in _KINDS[aov][1]]


def picture_indices(aovs: tuple[Aov, ...]) -> list[int]:
    """Return the indices of RGBA and each AOV channel in a rendered picture: its first and last channels."""
    count = sum(len(aov.channels) for aov in aovs)
    return [0, 1, 2, 3, *range(-count, 0)]
