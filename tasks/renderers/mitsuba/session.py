"""A session of Mitsuba: keeps its scene between units, moves it from frame to frame, and checks its content."""

from __future__ import annotations

import gc
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import drjit as dr
import numpy as np

from tasks.renderers.errors import scene_changed
from tasks.renderers.mitsuba.building import failure_of
from tasks.renderers.mitsuba.cameras import camera
from tasks.renderers.mitsuba.document import parse, variant
from tasks.renderers.mitsuba.files import dependencies
from tasks.renderers.mitsuba.grid import stream_keys
from tasks.renderers.mitsuba.inspection import content_digest
from tasks.renderers.mitsuba.stage import build, whole_frames_because
from tasks.spec import Pixels

if TYPE_CHECKING:
    from tasks.renderers.mitsuba.cameras import Camera
    from tasks.renderers.mitsuba.document import Document
    from tasks.renderers.mitsuba.stage import Stage
    from tasks.spec import FrameSpec, UnitSpec


_WHOLE_FRAME_LANES = 1 << 24


class _UnitRenderer(Protocol):
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
        self._renderer_key: tuple[object, ...] = ()
        self._document: Document | None = None
        self._files: tuple[Path, ...] = ()
        self._stage: Stage | None = None
        self._camera: Camera | None = None
        self._renderer: _UnitRenderer | None = None
        dr.set_thread_count(threads)

    def render(self, unit: UnitSpec) -> Pixels:
        """Render one unit, moving to its scene and frame first where needed."""
        began_s = time.perf_counter()
        try:
            renderer = self._renderer_for(unit.frame)
            self.load_s = time.perf_counter() - began_s
            pixels = renderer.render(unit)
        except RuntimeError as error:
            if self._document is None:
                raise
            failure = failure_of(self._document, error)
        else:
            return self._developed(pixels, unit)
        self._forget()
        raise failure

    def _developed(self, pixels: Pixels, unit: UnitSpec) -> Pixels:
        """Return pixels as the camera's film has them. Raises `SceneError` if one isn't finite."""
        assert self._camera is not None, "set with the renderer"
        bad = np.argwhere(~np.isfinite(pixels.sums))
        if bad.size:
            y, x, channel = bad[0] + (unit.region.y0, unit.region.x0, 0)
            what = "isn't a number" if np.isnan(pixels.sums[tuple(bad[0])]) else "is infinite"
            raise self._camera.document.refuse(
                f"has a pixel at {x},{y} whose {pixels.channels[channel]} {what}, "
                f"as Mitsuba renders samples {unit.samples.start} to {unit.samples.stop - 1}",
                "Look for a material, light or medium there with extreme values; --seed gives other samples.",
            )
        return replace(pixels, sums=self._camera.developed(pixels.sums, unit.samples.count))

    def _forget(self) -> None:
        """Let go of a scene that failed: Mitsuba compiles what is left of it into the next one."""
        self._document = self._stage = self._renderer = self._camera = None
        self._scene_key = self._renderer_key = ()
        gc.collect()

    def _renderer_for(self, frame: FrameSpec) -> _UnitRenderer:
        """Return the renderer of this frame's units."""
        document = self._parsed(frame)
        self._verify(document, frame)
        key = (self._scene_key, frame.camera, frame.size, frame.channels)
        if self._renderer is None or key != self._renderer_key:
            # If the rest fails, no half-moved scene is left.
            previous, self._renderer = self._renderer, None
            node = document.camera(frame.camera)
            self._camera = camera(document, node)
            if self._stage is None:
                self._stage = build(document, node, frame.size)
            else:
                self._stage = self._stage.moved(document, node, frame.size)
            self._renderer, self._renderer_key = _unit_renderer(self._stage, frame, previous), key
        return self._renderer

    def _parsed(self, frame: FrameSpec) -> Document:
        key = (frame.scene, frame.scene_digest, frame.frame, frame.parameters)
        if self._document is None or key != self._scene_key:
            self._document = parse(Path(frame.scene), frame=frame.frame, parameters=frame.parameters)
            self._files = dependencies(self._document)
            self._scene_key = key
        return self._document

    def _verify(self, document: Document, frame: FrameSpec) -> None:
        """Raise `SceneError` if the scene's content isn't that of the frame's digest."""
        try:
            same = content_digest(document, self._files) == frame.scene_digest
        except FileNotFoundError:
            same = False
        if not same:
            self._scene_key, self._document = (), None
            raise scene_changed(document.path)


def _unit_renderer(stage: Stage, frame: FrameSpec, previous: _UnitRenderer | None) -> _UnitRenderer:
    """Choose how the scene is rendered: in whole frames, compiled, or in cells."""
    because = whole_frames_because(stage.integrator)
    if because:
        return _WholeFrames(stage, frame, because)
    if variant().startswith("llvm"):
        from tasks.renderers.mitsuba.kernel import Kernel

        return Kernel(stage, frame, previous if isinstance(previous, Kernel) else None)
    from tasks.renderers.mitsuba.cells import Cells

    return Cells(stage, frame)


class _WholeFrames:
    """Renders whole frames of a scene that can't be split, with Mitsuba's own loop."""

    def __init__(self, stage: Stage, frame: FrameSpec, because: str) -> None:
        self._stage, self._because = stage, because
        if frame.aovs:
            raise stage.document.refuse(f"can't deliver extra channels. {because}".rstrip("."), "Ask for none.")

    def render(self, unit: UnitSpec) -> Pixels:
        """Render a unit that is a whole frame. Raises `SceneError` for any other."""
        frame, samples = unit.frame, unit.samples
        if unit.region != frame.size.whole or (samples.start, samples.stop) != (0, frame.samples):
            raise self._stage.document.refuse(
                f"can't be rendered in parts. {self._because}".rstrip("."),
                "Render its frames whole (mode=frames).",
            )
        total = np.zeros((frame.size.height, frame.size.width, 4))
        step = max(1, _WHOLE_FRAME_LANES // frame.size.whole.area)
        for start in range(0, frame.samples, step):
            count = min(step, frame.samples - start)
            seed = (stream_keys(frame)[0] + start) % 2**32
            picture = self._stage.integrator.render(self._stage.scene, self._stage.sensor, seed=seed, spp=count)
            total += np.array(picture, dtype=np.float64)[:, :, :4] * count
        return Pixels(sums=total.astype(np.float32), channels=frame.channels)
