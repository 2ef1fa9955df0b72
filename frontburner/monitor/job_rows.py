"""A job as the page shows it: a row in the list, and all its details. Pure functions over its record."""

from __future__ import annotations

from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from frontburner import events as ev
from frontburner.events import RunState
from frontburner.monitor.json_patch import without_none
from frontburner.monitor.nodes import NodeActivities, format_blocks
from frontburner.monitor.pictures import Pictures
from frontburner.record.event_codec import decode
from frontburner.reports.report import Report
from frontburner.reports.summary import summary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from frontburner.record.job_status import JobStatus

LINES_KEPT = 200
_LEADING = ("at", "what", "node", "frame")
_FREQUENT = (
    ev.UnitStarted,
    ev.UnitFinished,
    ev.UnitReused,
    ev.FrameRendered,
    ev.Heartbeat,
    ev.FarmMeasured,
    ev.ExpectedWorkChanged,
)
"""Events too frequent for the log of a job; the nodes and frames show them."""


@dataclass(slots=True, kw_only=True)
class LiveJob:
    """The details of a job, folded from its whole record; ``report`` is that of the last run."""

    report: Report = field(default_factory=Report)
    pictures: Pictures = field(default_factory=Pictures)
    activities: NodeActivities = field(default_factory=NodeActivities)
    lines: deque[tuple[int, str, str]] = field(default_factory=lambda: deque(maxlen=LINES_KEPT))
    """The last events: number, moment, text."""
    deadline: ev.DeadlineForecast | None = None
    noise: float | None = None
    started: datetime | None = None
    now: datetime | None = None
    """When the last event happened."""
    _count: int = 0

    def on_event(self, line: Mapping[str, Any]) -> None:
        """Add an event of the record."""
        self._count += 1
        self.now = at = datetime.fromisoformat(line["at"])
        self.started = self.started or at  # a record may have lost its beginning
        event = decode(line, (at - self.started).total_seconds())
        if not isinstance(event, _FREQUENT):
            self.lines.append((self._count, line["at"], format_event(line)))
        match event:
            case None:
                return
            case ev.Heartbeat(at_s=at_s):
                self.report.ended_s = max(self.report.ended_s, at_s)
                return
            case ev.RunStarted():
                self.started, self.report, self.deadline, event = at, Report(), None, replace(event, at_s=0.0)
            case _:
                pass
        with suppress(KeyError):  # if the beginning is lost, nodes may be unknown
            self.report.take(event)
        self.pictures.on_event(event)
        self.activities.on_event(event, line["at"])
        match event:
            case ev.DeadlineForecast():
                self.deadline = event
            case ev.PassMeasured(noise=float(noise)):
                self.noise = noise
            case _:
                pass

    @property
    def efficiency(self) -> float | None:
        """The efficiency so far, with units in flight counted as useful. None before the first unit has ended."""
        if not self.report.units or self.now is None or not self.report.available_s:
            return None
        in_flight_s = sum(each.in_flight_s(self.now.timestamp()) for each in self.activities.nodes.values())
        return round(min(1.0, (self.report.busy_s + in_flight_s) / self.report.available_s), 3)


def format_event(line: Mapping[str, Any]) -> str:
    """Format an event as text, without its moment."""
    rest = (
        f"{name} {value}"
        for name, value in line.items()
        if name not in _LEADING and value not in (None, "", []) and not isinstance(value, dict)
    )
    frame = f"frame {line['frame']}" if "frame" in line else ""
    return " · ".join(filter(None, [line["what"], line.get("node", ""), frame, *rest]))


def row(
    status: JobStatus,
    state: RunState,
    now: datetime,
    *,
    live: LiveJob | None = None,
    report: Mapping[str, Any] | None = None,
    priority: int | None = None,
) -> dict[str, Any]:
    """Return the row of a job in the list.

    Parameters
    ----------
    state
        Its state, after the check whether its run still lives.
    live
        Its details, if its record was read.
    report
        The report of its last run, once that has ended.
    priority
        The priority that was set after submission, if any.
    """
    job = status.job
    running = state in (RunState.RUNNING, RunState.ENDING)
    left_s = status.seconds_left if running else None
    return without_none(
        {
            "id": status.job_id,
            "title": title(status.job_id, job),
            "kind": "sequence" if status.frames > 1 else "still",
            "state": state.value,
            "running": running,
            "sentence": status.sentence,
            "build_sentence": status.build_sentence or None,
            "advice": _advice(status, state, now),
            "fraction": round(status.fraction, 4),
            "frames": status.frames,
            "written": len(status.written),
            "failed": len(status.failed),
            "left_s": None if left_s is None else round(left_s, 1),
            "ends_at": None if left_s is None else _moment_after(status.last, left_s),
            "finish_by": _finish_by(live, report),
            "efficiency": _efficiency(live if running else None, report),
            "nodes": _node_count(status, running=running),
            "waits": _waits(live) if running and live else None,
            "noise": live.noise if live else None,
            "started": status.started,
            "last": status.last if not running else "",
            "ended": status.last_runs[-1].ended if status.last_runs else "",
            "runs": status.runs,
            "renderer": (report or {}).get("renderer") or job.get("renderer", ""),
            "scene": job.get("scene", ""),
            "out": job.get("out", ""),
            "formats": job.get("formats"),
            "priority": job.get("priority", 50) if priority is None else priority,
            "picture": _picture(status, live),
            "flow_run": run_page(status.run),
        }
    )


def _moment_after(at: str, seconds: float) -> str:
    return (datetime.fromisoformat(at) + timedelta(seconds=seconds)).isoformat(timespec="seconds")


def title(job_id: str, job: Mapping[str, Any]) -> str:
    """Return a job's title."""
    return str(job.get("name") or job_id.rpartition("-")[0] or job_id)


def details(
    status: JobStatus, state: RunState, live: LiveJob, *, report: Mapping[str, Any] | None = None, chart: bool = False
) -> dict[str, Any]:
    """Return the details of a job, besides its row."""
    running = state in (RunState.RUNNING, RunState.ENDING)
    final_report = report if not running else None
    job = status.job
    return without_none(
        {
            "job": {name: value for name, value in job.items() if value not in ("", None, [], {})},
            "frames": {str(frame): frame_state.value for frame, frame_state in sorted(live.pictures.frames.items())},
            "failures": {
                str(frame): {"reason": reason, "last_words": last_words}
                for frame, (reason, last_words) in status.failed.items()
            },
            "flagged": {str(frame): reason for frame, (_, reason) in sorted(status.flagged.items())},
            "products": status.products,
            "still": live.pictures.still_document() or None,
            "nodes": {name: _node(live, name) for name in live.activities.nodes},
            "figures": dict(summary(dict(final_report))) if final_report else _figures(live),
            "chart": chart and not running,
            "runs": {
                str(status.runs - len(status.last_runs) + nth): {
                    "started": run.started, "ended": run.ended, "host": run.host, "flow_run": run.flow_run,
                    "state": run.state.value if run is not status.last_runs[-1] else state.value,
                }
                for nth, run in enumerate(status.last_runs, start=1)
            },
            "lines": {str(nth): [at, text] for nth, at, text in live.lines},
        }
    )  # fmt: skip


def _node(live: LiveJob, name: str) -> dict[str, Any]:
    activity, figures = live.activities.nodes[name], live.report.nodes.get(name)
    return {
        "there": activity.connected,
        "said": activity.why or (f"lost at {activity.lost_at[11:19]}" if activity.lost_at else ""),
        "units": figures.units if figures else 0,
        "busy_s": round(figures.busy_s, 1) if figures else 0.0,
        "rate": round(activity.rate),
        "mishaps": len(activity.failures),
        "doing": format_blocks(activity.in_flight),
    }


def _figures(live: LiveJob) -> dict[str, str]:
    """Return those figures of the report that are known while the run goes on."""
    if not live.report.units:
        return {}
    figures = summary(live.report.document())
    return {name: text for name, text in figures if name in ("units", "prediction", "scene")}


def _advice(status: JobStatus, state: RunState, now: datetime) -> str:
    """Return the command to run next, as the command line shows it."""
    return status.advice(now) if status.state_at(now) is state else ""


def _efficiency(live: LiveJob | None, report: Mapping[str, Any] | None) -> float | None:
    if live is not None:
        return live.efficiency
    return report["efficiency"] if report and report.get("units") else None


def _finish_by(live: LiveJob | None, report: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if live is not None and live.deadline is not None:
        now = live.deadline
        found = {"due": now.due, "expected": now.expected_end, "spare_s": now.spare_s, "sentence": now.sentence}
        return found if now.made_it is None else {**found, "made_it": now.made_it}
    if report and report.get("made_it") is not None:
        spare = datetime.fromisoformat(report["finish_by"]) - datetime.fromisoformat(report["expected_end"])
        return {"due": report["finish_by"], "expected": report["expected_end"], "spare_s": spare.total_seconds(),
                "sentence": "", "made_it": report["made_it"]}  # fmt: skip
    return None


def _node_count(status: JobStatus, *, running: bool) -> int:
    return sum(node.state == "there" for node in status.nodes.values()) if running else len(status.nodes)


def _waits(live: LiveJob) -> str | None:
    """Return why nothing is rendered although the run goes on; None if something is."""
    nodes = live.activities.nodes.values()
    if live.pictures.planned is None or any(node.in_flight or node.connected for node in nodes):
        return None
    reasons = Counter(node.why for node in nodes if node.why)
    if not reasons:
        return "No node has joined yet."
    why, count = reasons.most_common(1)[0]
    which = "its only node" if len(nodes) == 1 else f"{count} of {len(nodes)} nodes"
    return f"Waits for a node; {which}: {why}"


def _picture(status: JobStatus, live: LiveJob | None) -> str | None:
    """Return the picture for the list: a frame, and a version for the browser's cache."""
    if status.written:
        return f"{max(status.written)}?v={status.runs}"
    if live is not None and live.pictures.preview is not None:
        preview = live.pictures.preview
        return f"{preview.frame}?v={status.runs}-{preview.samples}"
    return None


def run_page(run: ev.RunStarted | None) -> str | None:
    """Return the address of a run in Prefect's UI; None if it is unknown."""
    if run is None or not (run.prefect_api and run.flow_run):
        return None
    parts = urlsplit(run.prefect_api)
    known = parts.scheme in ("http", "https")
    return f"{parts.scheme}://{parts.netloc}/runs/flow-run/{run.flow_run}" if known else None
