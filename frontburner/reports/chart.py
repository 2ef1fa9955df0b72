"""Chart of a job: what each node did when, where the nodes' time went, and where the picture was expensive."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

from frontburner.reports.node_chart import FAINT, INK, LOADING, PASSES, WASTED, draw_nodes, style_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from frontburner.reports.report import Report

DPI = 110
WIDTH_IN = 12.0

PART_COLOURS = {
    "rendering": PASSES[1],
    "loading": LOADING,
    "wasted": WASTED,
    "tail": "#c9a9d6",
    "finishing": "#a8cfc0",
    "between": "#d5dae0",
}
PART_LABELS = {
    "rendering": "pixels of the picture",
    "loading": "opening scenes",
    "wasted": "wasted",
    "tail": "waiting for stragglers",
    "finishing": "waiting for the pictures",
    "between": "between units, failed, lost",
}


def draw(report: Report) -> bytes:
    """Return the chart of a job as PNG."""
    # Characters that a font lacks are drawn as boxes; a warning in the job's log wouldn't help.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figure = _draw_figure(report)
        png = io.BytesIO()
        figure.savefig(png, format="png", dpi=DPI, facecolor="white")
    return png.getvalue()


def _draw_figure(report: Report) -> Figure:
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
    rows_in = min(max(0.3 * len(report.availability.nodes), 0.8), 8.0)
    figure = Figure(figsize=(WIDTH_IN, rows_in + 4.7), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.1, w_pad=0.1)  # type: ignore[union-attr,call-arg]
    grid = figure.add_gridspec(2, 1, height_ratios=[rows_in + 1.6, 3.1])
    upper = figure.add_subfigure(grid[0])
    lower = figure.add_subfigure(grid[1])
    figure.suptitle(report.job_id, **title)
    facts = f"{report.renderer} · {_count(len(report.availability.nodes), 'node')} · {_count(report.units, 'unit')}"
    upper.suptitle(f"{facts} · efficiency {report.efficiency:.1%}", **title | {"fontsize": 10, "weight": "normal"})
    draw_nodes(upper.subplots(), report)
    left, right = lower.subplots(1, 2, width_ratios=[1.0, 1.1])
    _draw_node_time(left, report)
    _draw_cost(right, report)
    return figure


def _draw_node_time(axes: Axes, report: Report) -> None:
    """Draw the shares of the time nodes were available."""
    parts = list(report.node_time().items())
    axes.set_title("Where the nodes' time went", loc="left", fontsize=11, color=INK)
    style_axes(axes)
    shares = [seconds / max(report.available_s, 1e-9) for _, seconds in parts]
    bars = axes.barh(range(len(parts)), shares, color=[PART_COLOURS[part] for part, _ in parts], height=0.7)
    axes.set_yticks(range(len(parts)), [PART_LABELS[part] for part, _ in parts])
    axes.set_ylim(len(parts) - 0.5, -0.5)
    axes.set_xlim(0, 1.15 * max(shares))
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.bar_label(bars, [f"{share:.1%}" for share in shares], padding=4, fontsize=9, color=INK)


def _draw_cost(axes: Axes, report: Report) -> None:
    """Draw the cost map as dispatch measured it by the end."""
    import numpy as np

    measured, region = report.measured, report.rendered_px
    if measured is None or region is None:
        axes.set_axis_off()
        return
    axes.set_title("Where the picture was expensive", loc="left", fontsize=11, color=INK)
    style_axes(axes)
    rates, cell_px = measured.rates * 1e6, measured.cell_px
    rows, columns = rates.shape
    extent = (0, columns * cell_px, rows * cell_px, 0)
    # A single bad measurement of a cell must not make all others look alike.
    limit = float(np.quantile(rates, 0.99))
    image = axes.imshow(rates, extent=extent, cmap="inferno", interpolation="nearest", vmin=0, vmax=limit or None)
    axes.set_xlim(region.x0, region.x1)
    axes.set_ylim(region.y1, region.y0)
    axes.set_xlabel("pixels")
    bar = axes.figure.colorbar(image, ax=axes, pad=0.02, fraction=0.035, extend="max")
    bar.set_label("seconds per megasample", color=INK)
    bar.outline.set_visible(False)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
