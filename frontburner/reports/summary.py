"""A report in words: the same sentences for the terminal and for the Prefect UI."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from frontburner.jobs.durations import format_span
from frontburner.reports.transfer_figures import size
from tasks.limits import reached_from

MOST_ROWS = 50
MOST_NAMED = 12
"""Flagged frames that are named on one line."""
MATTERS = 0.02
"""What took less than this part of the nodes' time isn't spoken of."""

PARTS = {
    "loading": "opening scenes",
    "wasted": "pixels the picture didn't need",
    "tail": "waiting for the last units",
    "finishing": "waiting for the pictures to be written",
    "between": "gaps between units and failed or lost ones",
}
"""Where nodes' time goes besides rendering."""


def summary(report: dict[str, Any]) -> list[tuple[str, str]]:
    """Say what a job came to, from its JSON document: names and sentences, a screen at most."""
    rows = [
        ("frames", f"{report['frames']}" + _also(report["reused_frames"], "were there") + _failed(report)),
        ("units", _units(report)),
        ("nodes", f"{report['nodes']}, {report['renderer']}"),
        ("time", _time(report)),
    ]
    if report["units"]:
        rows += [("efficiency", _efficiency(report)), *_ideal(report), *_tail(report), *_prediction(report)]
    rows += [*_scene(report), *_reached(report), *_deadline(report), *_checks(report)]
    rows += list(report.get("products", {}).items())
    rows += [(product, f"couldn't be made: {reason}") for product, reason in report.get("failed_products", {}).items()]
    rows += [("set aside", f"{node}: {reason}") for node, reason in report["set_aside"].items()]
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
    if report["finish_s"] >= MATTERS * report["render_s"] and report["units"]:
        render += f", the last {report['finish_s']:.1f} s of it to write the last pictures"
    if "wall_s" not in report:
        return render
    return f"{report['wall_s']:.1f} s: {report['startup_s']:.1f} s to start, {render}"


def _efficiency(report: dict[str, Any]) -> str:
    rest = sorted(((report["node_time"][part], words) for part, words in PARTS.items()), reverse=True)
    told = "".join(f", {_share(seconds, report)} into {words}" for seconds, words in rest if _matters(seconds, report))
    return f"{report['efficiency']:.1%} of the time nodes were there went into pixels of the picture{told}"


def _ideal(report: dict[str, Any]) -> list[tuple[str, str]]:
    if not report["ideal_ratio"]:
        return []
    ratio = report["ideal_ratio"]
    took = f"{ratio - 1:.1%} longer" if ratio < 2 else f"{ratio:.1f} times as long"
    return [("ideal", f"{report['ideal_s']:.1f} s is the least these nodes could have needed; it took {took}")]


def _tail(report: dict[str, Any]) -> list[tuple[str, str]]:
    rows = []
    if _matters(report["tail_idle_s"], report):
        rows.append(("tail", f"{report['tail_s']:.1f} s from the first idle node to the end of the last unit"))
    if _matters(report["wasted_s"], report):
        rows.append(("waste", f"{report['wasted_s']:.1f} node-seconds of pixels the picture didn't need"))
    return rows


def _prediction(report: dict[str, Any]) -> list[tuple[str, str]]:
    found = report["prediction"]
    if not found["units"]:
        return []
    half, most = (_percent(found[key]) for key in ("median_error", "p90_error"))
    return [("prediction", f"half of the units took what was predicted within {half}, nine in ten within {most}")]


def _scene(report: dict[str, Any]) -> list[tuple[str, str]]:
    """Say what it took to bring the scene to the nodes, where it was sent."""
    sent = report.get("scene")
    if not sent:
        return []
    there = sent["size_bytes"] - sent["sent_bytes"]
    said = f"{size(sent['sent_bytes'])} sent in {sent['send_s']:.1f} s"
    said += f", {size(there)} were there" if there else ""
    fetched = [one["seconds"] for one in sent["fetched"].values()]
    if fetched:
        most = max(one["bytes"] for one in sent["fetched"].values())
        nodes = f"{len(fetched)} node{'' if len(fetched) == 1 else 's'}"
        said += f"; {nodes} fetched up to {size(most)}, in {max(fetched):.1f} s at most"
    return [("scene", said)]


def _reached(report: dict[str, Any]) -> list[tuple[str, str]]:
    """What limits brought about: a still's own figures, or how many frames of a sequence ended by what."""
    reached = [reached_from(values) for values in report["reached"].values()]
    if len(reached) < 2:
        return [("reached", one.sentence()) for one in reached]
    ended = Counter(one.ended_by.value for one in reached)
    least, most = min(one.samples_min for one in reached), max(one.samples_max for one in reached)
    frames = ", ".join(f"{count} frame{'' if count == 1 else 's'} by {by}" for by, count in ended.most_common())
    samples = f"{least}" if least == most else f"{least} to {most}"
    return [("reached", f"{samples} samples a pixel; ended: {frames}")]


def _checks(report: dict[str, Any]) -> list[tuple[str, str]]:
    """Say which frames stand out, if they were looked at."""
    flagged = report.get("flagged_frames", {})
    if not flagged:
        return (
            [("checks", f"{report['checked_frames']} frames, none stands out")] if report.get("checked_frames") else []
        )
    told = [f"{frame} {own['fault']}" for frame, own in flagged.items()]
    more = f" and {len(told) - MOST_NAMED} more" if len(told) > MOST_NAMED else ""
    return [
        ("checks", f"{len(told)} of {report['checked_frames']} frames flagged: {', '.join(told[:MOST_NAMED])}{more}")
    ]


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
    head = "| node | units | rendering | loading | wasted | share of the work | speed | there |\n|---|" + "---:|" * 7
    nodes = list(report["per_node"].items())
    lines = [_node(name, own) for name, own in nodes[:MOST_ROWS]]
    more = f"\n\n… and {len(nodes) - MOST_ROWS} more nodes, all in the JSON document." if len(nodes) > MOST_ROWS else ""
    return "\n".join([head, *lines]) + more


def _node(name: str, own: dict[str, Any]) -> str:
    seconds = [f"{own[key]:.1f} s" for key in ("busy_s", "load_s", "wasted_s")]
    speed = "–" if own["speed"] is None else f"{own['speed']:.2f}"
    cells = [_cell(name), str(own["units"]), *seconds, f"{own['share']:.1%}", speed, _there(own["there"])]
    return f"| {' | '.join(cells)} |"


def _there(shifts: list[list[float | None]]) -> str:
    spans = [f"{came_s:.1f} s – " + ("end" if left_s is None else f"{left_s:.1f} s") for came_s, left_s in shifts]
    return ", ".join("all the time" if span == "0.0 s – end" else span for span in spans)


def _list(lines: list[str]) -> str:
    more = f"\n- … and {len(lines) - MOST_ROWS} more" if len(lines) > MOST_ROWS else ""
    return "".join(f"\n- {line}" for line in lines[:MOST_ROWS]) + more


def _cell(text: str) -> str:
    """Text that stays in its cell of a table."""
    return text.replace("|", "\\|").replace("\n", " ")


def _failed(report: dict[str, Any]) -> str:
    return _also(len(report["failed_frames"]), "failed")


def _also(count: int, what: str) -> str:
    return f", {count} {what}" if count else ""


def _matters(seconds: float, report: dict[str, Any]) -> bool:
    return bool(seconds >= MATTERS * report["available_s"] > 0)


def _share(seconds: float, report: dict[str, Any]) -> str:
    return f"{seconds / report['available_s']:.1%}"


def _percent(error: float) -> str:
    """Plain figure of an error: a per cent, or a factor where that is easier to imagine."""
    return f"{error:.0%}" if error < 1 else f"a factor of {1 + error:.1f}"
