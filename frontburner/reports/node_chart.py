"""The rows of a job's chart: a row for each node, with its work over time, and the colours of that work."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

from frontburner.reports.timeline import Activity, Bar

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from frontburner.reports.report import Report

MAX_NAMED_ROWS = 40
"""Nodes up to which rows have names; more are numbered."""

INK, FAINT, IDEAL = "#222933", "#6b7684", "#1d8a4e"
IDLE, LOADING, WASTED = "#e9ecf0", "#9aa5b1", "#d62f3f"
PASSES = ("#e8a33d", "#2f6fab", "#3f9b72", "#7d5ba6", "#54b3c4", "#b5651d", "#8a9a2b", "#1f3b63")
FRAMES = "viridis"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartColours:
    """Colours of bars: by frame where there are several, by pass in a still."""

    frames: tuple[int, int] | None
    passes: tuple[tuple[int, str], ...]

    @classmethod
    def of(cls, report: Report) -> ChartColours:
        """Colours for the units of a report."""
        hues = sorted(
            {bar.hue for bars in report.timeline.bars.values() for bar in bars if bar.activity is Activity.RENDERING}
        )
        if report.frames > 1 and hues:
            return cls(frames=(hues[0], max(hues[-1], hues[0] + 1)), passes=())
        probe = report.planned.probe if report.planned else None
        label = ["first samples" if probe and hue == probe.start else f"samples from {hue + 1} on" for hue in hues]
        return cls(frames=None, passes=tuple(zip(hues, label, strict=True)))

    def colour(self, bar: Bar) -> Any:  # noqa: ANN401 - whatever Matplotlib takes for a colour
        """Colour of a bar."""
        if bar.activity is not Activity.RENDERING:
            return LOADING if bar.activity is Activity.LOADING else WASTED
        if self.frames is None:
            return self._pass_colour(bar.hue)
        from matplotlib import colormaps

        first, last = self.frames
        return colormaps[FRAMES]((bar.hue - first) / (last - first))[:3]

    def legend(self) -> list[tuple[str, str]]:
        """Label and colour of each pass."""
        if len(self.passes) == 1:
            return [("rendering", self._pass_colour(self.passes[0][0]))]
        return [(label, self._pass_colour(hue)) for hue, label in self.passes]

    def _pass_colour(self, hue: int) -> str:
        index = next(index for index, (start, _) in enumerate(self.passes) if start == hue)
        return PASSES[1] if len(self.passes) == 1 else PASSES[index % len(PASSES)]


def draw_nodes(axes: Axes, report: Report) -> None:
    """Draw a row for each node, in the order they came."""
    rows = {node: row for row, node in enumerate(report.availability.nodes)}
    scale = _Scale.of(report)
    ends = scale(report.ended_s) or 1.0
    axes.set_xlim(-0.004 * ends, 1.01 * ends)
    axes.set_ylim(max(len(rows), 1) - 0.5, -0.5)
    axes.set_xlabel(f"{scale.unit} since the first unit was handed out")
    _label_rows(axes, list(rows))
    style_axes(axes)
    palette = ChartColours.of(report)
    _draw_availability(axes, report, rows, scale)
    _draw_bars(axes, report, rows, scale, palette)
    _draw_marks(axes, report, rows, scale)
    _draw_end_lines(axes, report, scale)
    _draw_legend(axes, report, palette)


def _label_rows(axes: Axes, nodes: list[str]) -> None:
    if len(nodes) <= MAX_NAMED_ROWS:
        axes.set_yticks(range(len(nodes)), [_short(node) for node in nodes], parse_math=False)
        axes.tick_params(axis="y", length=0)
    else:
        from matplotlib.ticker import FuncFormatter, MaxNLocator

        axes.yaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda row, _: f"{row + 1:,.0f}"))
        axes.set_ylabel(f"{len(nodes):,} nodes, in the order they came")


def _draw_availability(axes: Axes, report: Report, rows: dict[str, int], scale: _Scale) -> None:
    """Shade the time each node was available: what isn't drawn over is idle time."""
    spans = [
        (row, scale(start_s), scale(min(end_s, report.ended_s)))
        for node, row in rows.items()
        for start_s, end_s in report.availability.intervals(node)
    ]
    _fill(axes, spans, [IDLE] * len(spans), height=1.0 if len(rows) > MAX_NAMED_ROWS else 0.82)


def _draw_bars(axes: Axes, report: Report, rows: dict[str, int], scale: _Scale, palette: ChartColours) -> None:
    from matplotlib.colors import to_rgb

    spans, colours, wasted = [], [], []
    background = to_rgb(IDLE)
    for node, bars in report.timeline.bars.items():
        for bar in bars:
            span = (rows[node], scale(bar.from_s), scale(bar.to_s))
            busy = min(1.0, bar.busy_s / (bar.to_s - bar.from_s))
            colour = to_rgb(palette.colour(bar))
            spans.append(span)
            colours.append(tuple(busy * c + (1 - busy) * b for c, b in zip(colour, background, strict=True)))
            if bar.activity is Activity.WASTED:
                wasted.append(span)
    crowded = len(rows) > MAX_NAMED_ROWS
    height = 1.0 if crowded else 0.82
    # A thin line separates units where there is room for it.
    edge = 0.0 if crowded or len(spans) > 60 * len(rows) else 0.4
    _fill(axes, spans, colours, height=height, edge=edge)
    if not crowded:
        _fill(axes, wasted, ["none"] * len(wasted), height=height, hatch="////", hatchcolor="white")


def _fill(
    axes: Axes,
    spans: list[tuple[int, float, float]],
    colours: Any,  # noqa: ANN401 - whatever Matplotlib takes for colours
    *,
    height: float,
    edge: float = 0.0,
    **style: Any,  # noqa: ANN401
) -> None:
    """Draw spans of rows as one collection: thousands of patches would take minutes."""
    import numpy as np
    from matplotlib.collections import PolyCollection

    if not spans:
        return
    row, from_, to = np.array(spans).T
    low, high = row - height / 2, row + height / 2
    corners = np.stack([from_, low, to, low, to, high, from_, high], axis=1).reshape(-1, 4, 2)
    style.setdefault("edgecolors", "white" if edge else "none")
    axes.add_collection(PolyCollection(list(corners), facecolors=colours, linewidths=edge, **style), autolim=False)


def _draw_marks(axes: Axes, report: Report, rows: dict[str, int], scale: _Scale) -> None:
    """Mark nodes that came late or were lost, and failed attempts."""
    size = 34 if len(rows) <= MAX_NAMED_ROWS else 16
    intervals = [(row, *times) for node, row in rows.items() for times in report.availability.intervals(node)]
    came = [(scale(start_s), row) for row, start_s, _ in intervals if start_s > report.began_s + 0.01 * report.render_s]
    lost = [(scale(end_s), row) for row, _, end_s in intervals if end_s < inf]
    failed = [(scale(at_s), rows[node]) for node, at_s in report.timeline.failures if node in rows]
    style: dict[str, Any] = {"s": size, "linewidths": 0.8, "zorder": 4, "clip_on": False}
    for points, marker, colour, label in (
        (came, ">", IDEAL, "node came"),
        (lost, "<", INK, "node lost"),
        (failed, "X", WASTED, "failed attempt"),
    ):
        if points:
            x, y = zip(*points, strict=True)
            axes.scatter(x, y, marker=marker, c=colour, edgecolors="white", label=label, **style)


def _draw_end_lines(axes: Axes, report: Report, scale: _Scale) -> None:
    """Draw lines at the least time possible, the end of the last unit, and the end of the job."""
    ideal_s = report.ideal_s()
    if ideal_s is not None:
        label = f"least possible, {_seconds(ideal_s)}"
        axes.axvline(scale(report.began_s + ideal_s), color=IDEAL, linestyle=":", linewidth=1.8, label=label)
    label = f"last unit ended, {_seconds(report.last_unit_s - report.began_s)}"
    axes.axvline(scale(report.last_unit_s), color=INK, linestyle="--", linewidth=1.0, label=label)
    label = f"last picture in place, {_seconds(report.render_s)}"
    axes.axvline(scale(report.ended_s), color=INK, linestyle="-", linewidth=1.0, label=label)


def _draw_legend(axes: Axes, report: Report, palette: ChartColours) -> None:
    from matplotlib.patches import Patch

    patches = [Patch(facecolor=colour, label=label) for label, colour in palette.legend()]
    if report.load_s >= 0.001 * report.available_s:
        patches.append(Patch(facecolor=LOADING, label="opening the scene"))
    if report.wasted_s:
        patches.append(Patch(facecolor=WASTED, hatch="////", edgecolor="white", linewidth=0, label="wasted"))
    patches.append(Patch(facecolor=IDLE, label="idle"))
    handles, _ = axes.get_legend_handles_labels()
    axes.legend(
        handles=[*patches, *handles], loc="lower left", bbox_to_anchor=(0, 1.0), ncols=5, frameon=False,
        fontsize=9, handlelength=1.4, columnspacing=1.6, borderaxespad=0.2, labelcolor=INK,
    )  # fmt: skip
    if palette.frames:
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize
        from matplotlib.ticker import MaxNLocator

        shades = ScalarMappable(Normalize(*palette.frames), FRAMES)
        bar = axes.figure.colorbar(shades, ax=axes, pad=0.01, fraction=0.025, aspect=30)
        bar.set_label("frame", color=INK)
        bar.outline.set_visible(False)
        bar.locator = MaxNLocator(nbins=6, integer=True)
        bar.update_ticks()


def style_axes(axes: Axes) -> None:
    """Remove what isn't needed to read a chart."""
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=9)
    axes.xaxis.label.set_color(INK)


@dataclass(frozen=True, slots=True)
class _Scale:
    """Converts times of the job to the unit of the time axis, counted from the first unit."""

    began_s: float
    unit: str
    unit_s: float

    @classmethod
    def of(cls, report: Report) -> _Scale:
        """Choose the unit by the length of a job."""
        for unit, unit_s in (("hours", 3600.0), ("minutes", 60.0)):
            if report.render_s > 3 * unit_s:
                return cls(report.began_s, unit, unit_s)
        return cls(report.began_s, "seconds", 1.0)

    def __call__(self, at_s: float) -> float:
        return max(0.0, at_s - self.began_s) / self.unit_s


def _seconds(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    if minutes < 3:
        return f"{seconds:.1f} s"
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest:.0f} s"


def _short(name: str) -> str:
    """Shorten a name to leave room for the rows."""
    return name if len(name) <= 24 else name[:11] + "…" + name[-12:]
