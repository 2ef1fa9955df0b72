"""The table of renderers: one adapter each. Importing it loads no renderer."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from tasks.renderers.isa import isa
from tasks.renderers.mitsuba.adapter import Mitsuba
from tasks.renderers.null import Null

if TYPE_CHECKING:
    from tasks.renderers.base import Renderer

__all__ = ["RENDERERS", "isa", "renderer", "renderer_for"]

RENDERERS: dict[str, Renderer] = {adapter.name: adapter for adapter in (Mitsuba(), Null())}

_BY_SUFFIX = {".xml": "mitsuba", ".json": "null"}


def renderer(name: str) -> Renderer:
    """Return the adapter of this name.

    Raises
    ------
    ValueError
        When there is none; the message names those there are.
    """
    if name not in RENDERERS:
        raise ValueError(f"no renderer is called {name!r}: choose one of {', '.join(sorted(RENDERERS))}")
    return RENDERERS[name]


def renderer_for(scene: str) -> str:
    """Return the name of the renderer that a scene file is for, by its suffix.

    Raises
    ------
    ValueError
        When no renderer reads such files; the message names the suffixes that are read.
    """
    suffix = PurePath(scene).suffix.lower()
    if suffix not in _BY_SUFFIX:
        raise ValueError(f"no renderer reads {suffix or 'files without a suffix'}: known are {', '.join(_BY_SUFFIX)}")
    return _BY_SUFFIX[suffix]
