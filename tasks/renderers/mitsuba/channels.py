"""Ask Mitsuba for AOVs next to the picture, and find them in what an integrator returns."""

from __future__ import annotations

from typing import Any

import mitsuba as mi

from tasks.renderers.mitsuba.grid import BLOCK_PX
from tasks.spec import Aov

_PREFIX = "frontburner_"
_KINDS = {Aov.DEPTH: ("depth", "T"), Aov.NORMAL: ("sh_normal", "XYZ"), Aov.ALBEDO: ("albedo", "RGB")}


def integrator_for(integrator: Any, aovs: tuple[Aov, ...]) -> Any:  # noqa: ANN401 - Mitsuba objects
    """Return the scene's integrator, with AOVs around it where some are asked for."""
    if not aovs:
        return integrator
    wanted = ",".join(f"{_PREFIX}{aov}:{_KINDS[aov][0]}" for aov in aovs)
    return mi.load_dict({"type": "aov", "aovs": wanted, "picture": integrator, "block_size": BLOCK_PX})


def places(integrator: Any, aovs: tuple[Aov, ...]) -> list[int]:  # noqa: ANN401
    """Return where each AOV channel is among the extra channels of an integrator's samples."""
    names = integrator.aov_names()
    return [names.index(f"{_PREFIX}{aov}.{letter}") for aov in aovs for letter in _KINDS[aov][1]]


def picture_places(aovs: tuple[Aov, ...]) -> list[int]:
    """Return where RGBA and each AOV channel are in a rendered picture: first and last of its channels."""
    count = sum(len(aov.channels) for aov in aovs)
    return [0, 1, 2, 3, *range(-count, 0)]
