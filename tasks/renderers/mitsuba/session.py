"""An open Mitsuba: keeps the scene over units, moves it over frames, refuses content it wasn't asked for."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import drjit as dr

from tasks.errors import SceneError
from tasks.renderers.mitsuba import files
from tasks.renderers.mitsuba.document import parse, variant
from tasks.renderers.mitsuba.inspection import whole_frames_because
from tasks.renderers.mitsuba.stage import build
from tasks.renderers.mitsuba.whole import Whole

if TYPE_CHECKING:
    from tasks.renderers.mitsuba.document import Document
    from tasks.renderers.mitsuba.stage import Stage
    from tasks.spec import FrameSpec, Pixels, UnitSpec


class _Painter(Protocol):
    def render(self, unit: UnitSpec) -> Pixels: ...


class MitsubaSession:
    """Renders units of any scene with one build.

    Parameters
    ----------
    build
        The build this process was started with.
    threads
        Threads to render with.
    """

    def __init__(self, *, build: str, threads: int) -> None:
        self.build = build
        self.load_s = 0.0
        self._scene_key: tuple[object, ...] = ()
        self._painter_key: tuple[object, ...] = ()
        self._document: Document | None = None
        self._files: tuple[Path, ...] = ()
        self._stage: Stage | None = None
        self._painter: _Painter | None = None
        dr.set_thread_count(threads)

    def render(self, unit: UnitSpec) -> Pixels:
        """Render one unit, moving to its scene and frame first where needed."""
        began_s = time.perf_counter()
        painter = self._ready(unit.frame)
        self.load_s = time.perf_counter() - began_s
        return painter.render(unit)

    def _ready(self, frame: FrameSpec) -> _Painter:
        """Return what renders this frame."""
        document = self._parsed(frame)
        self._verify(document, frame)
        key = (self._scene_key, frame.camera, frame.size, frame.aovs)
        if self._painter is None or key != self._painter_key:
            # Nothing half-moved is left behind if the rest fails.
            previous, self._painter = self._painter, None
            camera = document.camera(frame.camera)
            if self._stage is None:
                self._stage = build(document, camera, frame.size)
            else:
                self._stage = self._stage.moved(document, camera, frame.size)
            self._painter, self._painter_key = _painter(self._stage, frame, previous), key
        return self._painter

    def _parsed(self, frame: FrameSpec) -> Document:
        key = (frame.scene, frame.scene_digest, frame.frame, frame.parameters)
        if self._document is None or key != self._scene_key:
            self._document = parse(Path(frame.scene), frame=frame.frame, parameters=frame.parameters)
            self._files = files.dependencies(self._document)
            self._scene_key = key
        return self._document

    def _verify(self, document: Document, frame: FrameSpec) -> None:
        """Refuse a scene whose content isn't the one the frame names."""
        try:
            same = files.digest(document, self._files) == frame.scene_digest
        except FileNotFoundError:
            same = False
        if not same:
            self._scene_key, self._document = (), None
            raise SceneError(
                reason=f"The scene {document.path.name} or a file it refers to changed while the job ran.",
                remedy="Start the job again: its unchanged frames are reused.",
                scene=frame.scene,
            )


def _painter(stage: Stage, frame: FrameSpec, previous: _Painter | None) -> _Painter:
    """Choose how the scene is rendered: whole, compiled, or in cells."""
    because = whole_frames_because(stage.integrator)
    if because:
        return Whole(stage, frame, because)
    if variant().startswith("llvm"):
        from tasks.renderers.mitsuba.llvm import Kernel

        return Kernel(stage, frame, previous if isinstance(previous, Kernel) else None)
    from tasks.renderers.mitsuba.scalar import Cells

    return Cells(stage, frame)
