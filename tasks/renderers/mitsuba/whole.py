"""Frames of scenes that can't be cut: rendered at once, as Mitsuba does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.renderers.mitsuba.seeds import keys
from tasks.spec import Pixels

if TYPE_CHECKING:
    from tasks.renderers.mitsuba.stage import Stage
    from tasks.spec import FrameSpec, UnitSpec

_LANES = 1 << 24


class Whole:
    """Renders whole frames of one scene."""

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
        step = max(1, _LANES // frame.size.whole.area)
        for start in range(0, frame.samples, step):
            count = min(step, frame.samples - start)
            seed = (keys(frame)[0] + start) % 2**32
            picture = self._stage.integrator.render(self._stage.scene, self._stage.sensor, seed=seed, spp=count)
            total += np.array(picture, dtype=np.float64)[:, :, :4] * count
        return Pixels(sums=total.astype(np.float32), channels=frame.channels)
