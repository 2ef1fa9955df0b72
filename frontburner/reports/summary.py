"""A report in sentences, the same for the terminal and the Prefect UI."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from frontburner.jobs.durations import format_span
from frontburner.reports.figures import format_bytes
from tasks.limits import reached_from

MAX_ROWS = 50
MAX_NAMED = 12
"""Flagged frames that are named in a line."""
SIGNIFICANT = 0.02
"""Activities that took less than this fraction of the nodes' time are left out."""

PARTS = {
    "loading": "opening scenes",
    "wasted": "pixels the picture didn't need",
    "tail": "waiting for stragglers",
    "finishing": "waiting for the pictures to be written",
    "between": "gaps between units and failed or lost ones",
}
"""What nodes spend time on besides rendering."""


def summary(report: dict[str, Any]) -> list[tuple[str, str]]:
    """Summarize a report's JSON document: labels and sentences, a screen at most."""
    rows = [
        (
            "frames",
            f"{report['frames']}"
            + _also(report["reused_frames"], "reused")
            + _also(len(report["failed_frames"]), "failed"),
        ),
        ("units", _units(report)),
        ("nodes", f"{report['nodes']}, {report['renderer']}"),
        ("time", _time(report)),
    ]
    if report["units"]:
        rows += [("efficiency", _efficiency(report)), *_ideal(report), *_stragglers(report), *_prediction(report)]
    rows += [*_scene(report), *_reached(report), *_deadline(report), *_checks(report)]
    rows += list(report.get("products", {}).items())
    rows += [(product, f"couldn't be made: {reason}") for product, reason in report.get("failed_products", {}).items()]
    rows += [("excluded", f"{node}: {reason}") for node, reason in report["set_aside"].items()]
    return rows + [("note", note) for note in report["notes"]]


def markdown(report: dict[str, Any]) -> str:
    """Return the report as a page for the Prefect UI."""
    rows = [*summary(report), *_probe(report)]
    if report["chart"]:
        rows.append(("chart", f"`{report['chart']}`"))
    table = "\n".join(f"| {name} | {_cell(value)} |" for name, value in rows)
    failed = _list([f"frame {frame}: {reason}" for frame, reason in report["failed_frames"].items()]) or ": none"
    pictures = _list([f"`{output}`" for output in report["outputs"]])
    return (
        f"| {report['job_id']} | |\n|---|---|\n{table}\n\n{_nodes(report)}\n\n"
        f"**Failed**{failed}\n\n**Pictures**{pictures}\n"
    )


def _units(report: dict[str, Any]) -> str:
    return (
        f"{report['units']} rendered"
        + _also(report["reused_units"], "reused")
        + _also(report["lost_units"], "lost with a node and rendered again")
        + _also(report["taken_over"], "taken over by idle nodes")
        + _also(report["failed_attempts"], "failed attempts" if report["failed_attempts"] > 1 else "failed attempt")
        + _also(report["damaged_units"], "damaged in the store and rendered again")
    )


def _time(report: dict[str, Any]) -> str:
    render = f"{report['render_s']:.1f} s to render"
    if report["finish_s"] >= SIGNIFICANT * report["render_s"] and report["units"]:
        render += f", the last {report['finish_s']:.1f} s of it to write the last pictures"
    if "wall_s" not in report:
        return render
    return f"{report['wall_s']:.1f} s: {report['startup_s']:.1f} s to start, {render}"


def _efficiency(report: dict[str, Any]) -> str:
    rest = sorted(((report["node_time"][part], words) for part, words in PARTS.items()), reverse=True)
    others = "".join(f", {_share(s, report)} into {words}" for s, words in rest if _is_significant(s, report))
    return f"{report['efficiency']:.1%} of the time nodes were available went into pixels of the picture{others}"


def _ideal(report: dict[str, Any]) -> list[tuple[str, str]]:
    if not report["ideal_ratio"]:
        return []
    ratio = report["ideal_ratio"]
    took = f"{ratio - 1:.1%} longer" if ratio < 2 else f"{ratio:.1f} times as long"
    return [("ideal", f"{report['ideal_s']:.1f} s is the least these nodes could have needed; it took {took}")]


def _stragglers(report: dict[str, Any]) -> list[tuple[str, str]]:
    rows = []
    if _is_significant(report["tail_idle_s"], report):
        rows.append(("stragglers", f"{report['tail_s']:.1f} s from the first idle node to the end of the last unit"))
    if _is_significant(report["wasted_s"], report):
        rows.append(("waste", f"{report['wasted_s']:.1f} node-seconds of pixels the picture didn't need"))
    return rows


def _prediction(report: dict[str, Any]) -> list[tuple[str, str]]:
    prediction = report["prediction"]
    if not prediction["units"]:
        return []
    half, most = (_percent(prediction[key]) for key in ("median_error", "p90_error"))
    return [("prediction", f"half of the units took what was predicted within {half}, nine in ten within {most}")]


def _scene(report: dict[str, Any]) -> list[tuple[str, str]]:
    """Sum up the transfer of the scene, if it was sent."""
    scene = report.get("scene")
    if not scene:
        return []
    reused = scene["size_bytes"] - scene["sent_bytes"]
    sentence = f"{format_bytes(scene['sent_bytes'])} sent in {scene['send_s']:.1f} s"
    sentence += f", {format_bytes(reused)} already in the store" if reused else ""
    fetched = scene["fetched"].values()
    if fetched:
        most, longest_s = max(node["bytes"] for node in fetched), max(node["seconds"] for node in fetched)
        nodes = f"{len(fetched)} node{'' if len(fetched) == 1 else 's'}"
        sentence += f"; {nodes} fetched up to {format_bytes(most)}, in {longest_s:.1f} s at most"
    return [("scene", sentence)]


def _reached(report: dict[str, Any]) -> list[tuple[str, str]]:
    """Results of limits: the figures of a still, or how many frames of a sequence each limit ended."""
    reached = [reached_from(values) for values in report["reached"].values()]
    if len(reached) < 2:
        return [("reached", frame.sentence()) for frame in reached]
    ended = Counter(frame.ended_by.value for frame in reached)
    least, most = min(frame.samples_min for frame in reached), max(frame.samples_max for frame in reached)
    frames = ", ".join(f"{count} frame{'' if count == 1 else 's'} by {limit}" for limit, count in ended.most_common())
    samples = f"{least}" if least == most else f"{least} to {most}"
    return [("reached", f"{samples} samples a pixel; ended: {frames}")]


def _checks(report: dict[str, Any]) -> list[tuple[str, str]]:
    """Name the flagged frames, if frames were checked."""
    checked, flagged = report.get("checked_frames"), report.get("flagged_frames", {})
    if not flagged:
        return [("checks", f"{checked} frames, none flagged")] if checked and checked > 1 else []
    names = [f"{frame} {flag['fault']}" for frame, flag in flagged.items()]
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    if checked == 1:
        return [("checks", f"flagged: {next(iter(flagged.values()))['sentence']}")]
    return [("checks", f"{len(names)} of {checked} frames flagged: {', '.join(names[:MAX_NAMED])}{more}")]


def _deadline(report: dict[str, Any]) -> list[tuple[str, str]]:
    if report.get("made_it") is None:
        return []
    due, end = (datetime.fromisoformat(report[key]) for key in ("finish_by", "expected_end"))
    spare_s = (due - end).total_seconds()
    if spare_s < 0:
        return [("deadline", f"{format_span(-spare_s)} late for {due:%H:%M}")]
    if not report["made_it"]:
        return [("deadline", f"not ready for {due:%H:%M}: frames failed")]
    return [("deadline", f"ready {format_span(spare_s)} before {due:%H:%M}")]


def _probe(report: dict[str, Any]) -> list[tuple[str, str]]:
    probe = report["probe"]
    if not probe["units"]:
        return []
    sentence = (
        f"{probe['units']} unit{'' if probe['units'] == 1 else 's'}, {probe['seconds']:.1f} s, "
        f"{probe['share']:.1%} of rendering: the first samples of every pixel, which are part of the picture"
    )
    return [("probe", sentence)]


def _nodes(report: dict[str, Any]) -> str:
    head = (
        "| node | units | rendering | loading | wasted | share of the work | speed | available |\n|---|" + "---:|" * 7
    )
    nodes = list(report["per_node"].items())
    lines = [_node(name, figures) for name, figures in nodes[:MAX_ROWS]]
    more = f"\n\n… and {len(nodes) - MAX_ROWS} more nodes, all in the JSON document." if len(nodes) > MAX_ROWS else ""
    return "\n".join([head, *lines]) + more


def _node(name: str, figures: dict[str, Any]) -> str:
    seconds = [f"{figures[key]:.1f} s" for key in ("busy_s", "load_s", "wasted_s")]
    speed = "–" if figures["speed"] is None else f"{figures['speed']:.2f}"
    available = _intervals(figures["there"])
    cells = [_cell(name), str(figures["units"]), *seconds, f"{figures['share']:.1%}", speed, available]
    return f"| {' | '.join(cells)} |"


def _intervals(intervals: list[list[float | None]]) -> str:
    spans = [f"{start_s:.1f} s – " + ("end" if end_s is None else f"{end_s:.1f} s") for start_s, end_s in intervals]
    return ", ".join("all the time" if span == "0.0 s – end" else span for span in spans)


def _list(lines: list[str]) -> str:
    more = f"\n- … and {len(lines) - MAX_ROWS} more" if len(lines) > MAX_ROWS else ""
    return "".join(f"\n- {line}" for line in lines[:MAX_ROWS]) + more


def _cell(text: str) -> str:
    """Escape text for a cell of a table."""
    return text.replace("|", "\\|").replace("\n", " ")


def _also(count: int, what: str) -> str:
    return f", {count} {what}" if count else ""


def _is_significant(seconds: float, report: dict[str, Any]) -> bool:
    return bool(seconds >= SIGNIFICANT * report["available_s"] > 0)


def _share(seconds: float, report: dict[str, Any]) -> str:
    return f"{seconds / report['available_s']:.1%}"


def _percent(error: float) -> str:
    """Format an error: a percentage, or a factor if that is clearer."""
    return f"{error:.0%}" if error < 1 else f"a factor of {1 + error:.1f}"
