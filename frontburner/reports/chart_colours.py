"""Colours of a job's chart: what a bar's colour says of the unit it stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from frontburner.reports.timeline import Activity, Bar

if TYPE_CHECKING:
    from frontburner.reports.report import Report

THERE, LOADING, WASTED = "#e9ecf0", "#9aa5b1", "#d62f3f"
PASSES = ("#e8a33d", "#2f6fab", "#3f9b72", "#7d5ba6", "#54b3c4", "#b5651d", "#8a9a2b", "#1f3b63")
FRAMES = "viridis"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartColours:
    """Colours of bars: by frame where there are several, by pass in a still."""

    frames: tuple[int, int] | None
    passes: tuple[tuple[int, str], ...]

    @classmethod
    def of(cls, report: Report) -> ChartColours:
        """Colours for what was rendered."""
        hues = sorted(
            {bar.hue for bars in report.timeline.bars.values() for bar in bars if bar.doing is Activity.RENDERING}
        )
        if report.frames > 1 and hues:
            return cls(frames=(hues[0], max(hues[-1], hues[0] + 1)), passes=())
        probe = report.planned.probe if report.planned else None
        words = ["first samples" if probe and hue == probe.start else f"samples from {hue + 1} on" for hue in hues]
        return cls(frames=None, passes=tuple(zip(hues, words, strict=True)))

    def colour(self, bar: Bar) -> Any:  # noqa: ANN401 - whatever Matplotlib takes for a colour
        """Colour of a bar."""
        if bar.doing is not Activity.RENDERING:
            return LOADING if bar.doing is Activity.LOADING else WASTED
        if self.frames is None:
            return self._pass_colour(bar.hue)
        from matplotlib import colormaps

        first, last = self.frames
        return colormaps[FRAMES]((bar.hue - first) / (last - first))[:3]

    def key(self) -> list[tuple[str, str]]:
        """Words and colour of each pass."""
        if len(self.passes) == 1:
            return [("rendering", self._pass_colour(self.passes[0][0]))]
        return [(words, self._pass_colour(hue)) for hue, words in self.passes]

    def _pass_colour(self, hue: int) -> str:
        place = next(place for place, (start, _) in enumerate(self.passes) if start == hue)
        return PASSES[1] if len(self.passes) == 1 else PASSES[place % len(PASSES)]
