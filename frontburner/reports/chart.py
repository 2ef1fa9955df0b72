"""Draw a job: what each node did when, where the nodes' time went, and where the picture was dear."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

from frontburner.reports.chart_colours import FRAMES, LOADING, PASSES, THERE, WASTED, ChartColours
from frontburner.reports.timeline import Activity
from tasks.extras import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from frontburner.reports.report import Report

DPI = 110
WIDTH_IN = 12.0
NAMED_ROWS = 40
"""Nodes that are named beside their rows; more are counted."""

INK, FAINT, IDEAL = "#222933", "#6b7684", "#1d8a4e"
PART_COLOURS = {
    "rendering": PASSES[1],
    "loading": LOADING,
    "wasted": WASTED,
    "tail": "#c9a9d6",
    "finishing": "#a8cfc0",
    "between": "#d5dae0",
}
PART_WORDS = {
    "rendering": "pixels of the picture",
    "loading": "opening scenes",
    "wasted": "wasted",
    "tail": "waiting for the last units",
    "finishing": "waiting for the pictures",
    "between": "between units, failed, lost",
}


def draw(report: Report) -> bytes:
    """Return the chart of a job as PNG."""
    # Whatever a font lacks is drawn as a box; that is no news for the job's log.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figure = _figure(report)
        png = io.BytesIO()
        figure.savefig(png, format="png", dpi=DPI, facecolor="white")
    return png.getvalue()


def _figure(report: Report) -> Figure:
    require("matplotlib", "The chart")
    from matplotlib.figure import Figure

    title: dict[str, Any] = {
        "fontsize": 15,
        "weight": "bold",
        "color": INK,
        "parse_math": False,
        "x": 0.01,
        "ha": "left",
    }
    if not report.units and not report.wasted_s:
        figure = Figure(figsize=(WIDTH_IN, 2.0), layout="constrained")
        figure.suptitle(report.job_id, **title)
        figure.text(0.5, 0.4, "Nothing was rendered in this run.", ha="center", fontsize=12, color=FAINT)
        return figure
    rows_in = min(max(0.3 * len(report.shifts.nodes), 0.8), 8.0)
    figure = Figure(figsize=(WIDTH_IN, rows_in + 4.7), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.1, w_pad=0.1)  # type: ignore[union-attr,call-arg]
    grid = figure.add_gridspec(2, 1, height_ratios=[rows_in + 1.6, 3.1])
    upper = figure.add_subfigure(grid[0])
    lower = figure.add_subfigure(grid[1])
    figure.suptitle(report.job_id, **title)
    facts = f"{report.renderer} · {_count(len(report.shifts.nodes), 'node')} · {_count(report.units, 'unit')}"
    upper.suptitle(f"{facts} · efficiency {report.efficiency:.1%}", **title | {"fontsize": 10, "weight": "normal"})
    _draw_nodes(upper.subplots(), report)
    left, right = lower.subplots(1, 2, width_ratios=[1.0, 1.1])
    _draw_time(left, report)
    _draw_cost(right, report)
    return figure


@dataclass(frozen=True, slots=True)
class _Scale:
    """Seconds on the job's clock to the unit of the time axis, from the first unit on."""

    began_s: float
    unit: str
    unit_s: float

    @classmethod
    def of(cls, report: Report) -> _Scale:
        """Return what reads best for the length of a job."""
        for unit, unit_s in (("hours", 3600.0), ("minutes", 60.0)):
            if report.render_s > 3 * unit_s:
                return cls(report.began_s, unit, unit_s)
        return cls(report.began_s, "seconds", 1.0)

    def __call__(self, at_s: float) -> float:
        return max(0.0, at_s - self.began_s) / self.unit_s


def _draw_nodes(axes: Axes, report: Report) -> None:
    """Draw a row for every node, in the order they came."""
    rows = {node: row for row, node in enumerate(report.shifts.nodes)}
    scale = _Scale.of(report)
    ends = scale(report.ended_s) or 1.0
    axes.set_xlim(-0.004 * ends, 1.01 * ends)
    axes.set_ylim(max(len(rows), 1) - 0.5, -0.5)
    axes.set_xlabel(f"{scale.unit} since the first unit was handed out")
    _name_rows(axes, list(rows))
    _frame(axes)
    hues = ChartColours.of(report)
    _draw_shifts(axes, report, rows, scale)
    _draw_bars(axes, report, rows, scale, hues)
    _draw_marks(axes, report, rows, scale)
    _draw_ends(axes, report, scale)
    _draw_key(axes, report, hues)


def _name_rows(axes: Axes, nodes: list[str]) -> None:
    if len(nodes) <= NAMED_ROWS:
        axes.set_yticks(range(len(nodes)), [_short(node) for node in nodes], parse_math=False)
        axes.tick_params(axis="y", length=0)
    else:
        from matplotlib.ticker import FuncFormatter, MaxNLocator

        axes.yaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda row, _: f"{row + 1:,.0f}"))
        axes.set_ylabel(f"{len(nodes):,} nodes, in the order they came")


def _draw_shifts(axes: Axes, report: Report, rows: dict[str, int], scale: _Scale) -> None:
    """Shade the time each node was there: what stays of it is idle time."""
    spans = [
        (row, scale(came_s), scale(min(left_s, report.ended_s)))
        for node, row in rows.items()
        for came_s, left_s in report.shifts.of(node)
    ]
    _fill(axes, spans, [THERE] * len(spans), height=1.0 if len(rows) > NAMED_ROWS else 0.82)


def _draw_bars(axes: Axes, report: Report, rows: dict[str, int], scale: _Scale, hues: ChartColours) -> None:
    from matplotlib.colors import to_rgb

    spans, colours, wasted = [], [], []
    ground = to_rgb(THERE)
    for node, bars in report.timeline.bars.items():
        for bar in bars:
            span = (rows[node], scale(bar.from_s), scale(bar.to_s))
            part = min(1.0, bar.busy_s / (bar.to_s - bar.from_s))
            colour = to_rgb(hues.colour(bar))
            spans.append(span)
            colours.append(tuple(part * c + (1 - part) * g for c, g in zip(colour, ground, strict=True)))
            if bar.doing is Activity.WASTED:
                wasted.append(span)
    crowded = len(rows) > NAMED_ROWS
    height = 1.0 if crowded else 0.82
    # Units are told apart by a thin line where there is room for one.
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
    """Draw stretches of rows as one collection: thousands of patches would take minutes."""
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
    """Mark nodes that came late or went away, and attempts that failed."""
    size = 34 if len(rows) <= NAMED_ROWS else 16
    shifts = [(row, *shift) for node, row in rows.items() for shift in report.shifts.of(node)]
    came = [(scale(came_s), row) for row, came_s, _ in shifts if came_s > report.began_s + 0.01 * report.render_s]
    lost = [(scale(left_s), row) for row, _, left_s in shifts if left_s < inf]
    failed = [(scale(at_s), rows[node]) for node, at_s in report.timeline.failures if node in rows]
    style: dict[str, Any] = {"s": size, "linewidths": 0.8, "zorder": 4, "clip_on": False}
    for points, marker, colour, words in (
        (came, ">", IDEAL, "node came"),
        (lost, "<", INK, "node lost"),
        (failed, "X", WASTED, "failed attempt"),
    ):
        if points:
            x, y = zip(*points, strict=True)
            axes.scatter(x, y, marker=marker, c=colour, edgecolors="white", label=words, **style)


def _draw_ends(axes: Axes, report: Report, scale: _Scale) -> None:
    """Draw what the end is measured by: the least time possible, and the end of the last unit."""
    ideal_s = report.ideal_s()
    if ideal_s is not None:
        words = f"least possible, {_seconds(ideal_s)}"
        axes.axvline(scale(report.began_s + ideal_s), color=IDEAL, linestyle=":", linewidth=1.8, label=words)
    words = f"last unit ended, {_seconds(report.last_unit_s - report.began_s)}"
    axes.axvline(scale(report.last_unit_s), color=INK, linestyle="--", linewidth=1.0, label=words)
    words = f"last picture in place, {_seconds(report.render_s)}"
    axes.axvline(scale(report.ended_s), color=INK, linestyle="-", linewidth=1.0, label=words)


def _draw_key(axes: Axes, report: Report, hues: ChartColours) -> None:
    from matplotlib.patches import Patch

    patches = [Patch(facecolor=colour, label=words) for words, colour in hues.key()]
    if report.load_s >= 0.001 * report.available_s:
        patches.append(Patch(facecolor=LOADING, label="opening the scene"))
    if report.wasted_s:
        patches.append(Patch(facecolor=WASTED, hatch="////", edgecolor="white", linewidth=0, label="wasted"))
    patches.append(Patch(facecolor=THERE, label="idle"))
    handles, _ = axes.get_legend_handles_labels()
    axes.legend(
        handles=[*patches, *handles], loc="lower left", bbox_to_anchor=(0, 1.0), ncols=5, frameon=False,
        fontsize=9, handlelength=1.4, columnspacing=1.6, borderaxespad=0.2, labelcolor=INK,
    )  # fmt: skip
    if hues.frames:
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        shades = ScalarMappable(Normalize(*hues.frames), FRAMES)
        bar = axes.figure.colorbar(shades, ax=axes, pad=0.01, fraction=0.025, aspect=30)
        bar.set_label("frame", color=INK)
        bar.outline.set_visible(False)
        from matplotlib.ticker import MaxNLocator

        bar.locator = MaxNLocator(nbins=6, integer=True)
        bar.update_ticks()


def _draw_time(axes: Axes, report: Report) -> None:
    """Draw where the time went that nodes were there."""
    parts = list(report.node_time().items())
    axes.set_title("Where the nodes' time went", loc="left", fontsize=11, color=INK)
    _frame(axes)
    shares = [seconds / max(report.available_s, 1e-9) for _, seconds in parts]
    bars = axes.barh(range(len(parts)), shares, color=[PART_COLOURS[part] for part, _ in parts], height=0.7)
    axes.set_yticks(range(len(parts)), [PART_WORDS[part] for part, _ in parts])
    axes.set_ylim(len(parts) - 0.5, -0.5)
    axes.set_xlim(0, 1.15 * max(shares))
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.bar_label(bars, [f"{share:.1%}" for share in shares], padding=4, fontsize=9, color=INK)


def _draw_cost(axes: Axes, report: Report) -> None:
    """Draw where the picture was dear, as dispatch saw it in the end."""
    import numpy as np

    measured, where = report.measured, report.rendered_px
    if measured is None or where is None:
        axes.set_axis_off()
        return
    axes.set_title("Where the picture was dear", loc="left", fontsize=11, color=INK)
    _frame(axes)
    rates, cell_px = measured.rates * 1e6, measured.cell_px
    rows, columns = rates.shape
    extent = (0, columns * cell_px, rows * cell_px, 0)
    # A cell that was measured badly once must not make all others look alike.
    dear = float(np.quantile(rates, 0.99))
    image = axes.imshow(rates, extent=extent, cmap="inferno", interpolation="nearest", vmin=0, vmax=dear or None)
    axes.set_xlim(where.x0, where.x1)
    axes.set_ylim(where.y1, where.y0)
    axes.set_xlabel("pixels")
    bar = axes.figure.colorbar(image, ax=axes, pad=0.02, fraction=0.035, extend="max")
    bar.set_label("seconds per megasample", color=INK)
    bar.outline.set_visible(False)


def _frame(axes: Axes) -> None:
    """Take away what isn't needed to read it."""
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=9)
    axes.xaxis.label.set_color(INK)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _seconds(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    if minutes < 3:
        return f"{seconds:.1f} s"
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest:.0f} s"


def _short(name: str) -> str:
    """Name that leaves room for the rows."""
    return name if len(name) <= 24 else name[:11] + "…" + name[-12:]
