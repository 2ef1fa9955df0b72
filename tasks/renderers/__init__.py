"""The table of renderers: one adapter each. Importing it loads no renderer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.renderers.blender.adapter import Blender
from tasks.renderers.files import renderer_for
from tasks.renderers.isa import isa
from tasks.renderers.max3ds.adapter import Max3ds
from tasks.renderers.mitsuba.adapter import Mitsuba
from tasks.renderers.null import Null
from tasks.renderers.povray.adapter import PovRay
from tasks.renderers.specimen import Specimen
from tasks.renderers.vray.adapter import Vray

if TYPE_CHECKING:
    from tasks.renderers.base import Renderer

__all__ = ["RENDERERS", "isa", "renderer", "renderer_for"]

RENDERERS: dict[str, Renderer] = {
    adapter.name: adapter for adapter in (Mitsuba(), Blender(), PovRay(), Vray(), Max3ds(), Null(), Specimen())
}


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
