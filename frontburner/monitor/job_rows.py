"""A job as the page shows it: a row among others, and all there is to tell of it. Folds over its record, pure."""

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
from frontburner.monitor.node_activity import NodeActivities
from frontburner.monitor.picture_rows import PictureRows
from frontburner.record.event_codec import decode
from frontburner.reports.report import Report
from frontburner.reports.summary import summary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from frontburner.record.job_status import JobStatus

LINES_KEPT = 200
_FIRST = ("at", "what", "node", "frame")
_DULL = (
    ev.UnitStarted,
    ev.UnitFinished,
    ev.UnitReused,
    ev.FrameRendered,
    ev.Heartbeat,
    ev.FarmMeasured,
    ev.ExpectedWorkChanged,
)
"""What happens too often to be read as it goes by; the nodes and frames themselves show it."""


@dataclass(slots=True, kw_only=True)
class Live:
    """All that the page shows of a job whose record is read from its beginning.

    ``report`` is that of the last run.
    """

    report: Report = field(default_factory=Report)
    pictures: PictureRows = field(default_factory=PictureRows)
    doings: NodeActivities = field(default_factory=NodeActivities)
    lines: deque[tuple[int, str, str]] = field(default_factory=lambda: deque(maxlen=LINES_KEPT))
    """What happened of late: its number, when, in words."""
    deadline: ev.DeadlineForecast | None = None
    noise: float | None = None
    began: datetime | None = None
    now: datetime | None = None
    """When something was last heard."""
    _count: int = 0

    def take(self, told: Mapping[str, Any]) -> None:
        """Fold in one more event of the record."""
        self._count += 1
        self.now = at = datetime.fromisoformat(told["at"])
        self.began = self.began or at  # a record whose beginning is lost counts from what there is
        event = decode(told, (at - self.began).total_seconds())
        if not isinstance(event, _DULL):
            self.lines.append((self._count, told["at"], words(told)))
        match event:
            case None:
                return
            case ev.Heartbeat(at_s=at_s):
                self.report.ended_s = max(self.report.ended_s, at_s)
                return
            case ev.RunStarted():
                self.began, self.report, self.deadline, event = at, Report(), None, replace(event, at_s=0.0)
            case _:
                pass
        with suppress(KeyError):  # a record that begins in the middle tells of nodes nobody knows
            self.report.take(event)
        self.pictures.take(event)
        self.doings.take(event, told["at"])
        match event:
            case ev.DeadlineForecast():
                self.deadline = event
            case ev.PassMeasured(noise=float(noise)):
                self.noise = noise
            case _:
                pass

    @property
    def efficiency(self) -> float | None:
        """The report's efficiency so far; units under way are taken to count. None before the first has ended."""
        if not self.report.units or self.now is None or not self.report.available_s:
            return None
        under_way_s = sum(doing.at_it_s(self.now.timestamp()) for doing in self.doings.nodes.values())
        return round(min(1.0, (self.report.busy_s + under_way_s) / self.report.available_s), 3)


def words(told: Mapping[str, Any]) -> str:
    """An event in words, without its moment."""
    rest = (f"{name} {value}" for name, value in told.items() if name not in _FIRST and _telling(value))
    frame = f"frame {told['frame']}" if "frame" in told else ""
    return " · ".join(filter(None, [told["what"], told.get("node", ""), frame, *rest]))


def _telling(value: object) -> bool:
    return value not in (None, "", []) and not isinstance(value, dict)


def row(
    status: JobStatus,
    state: RunState,
    now: datetime,
    *,
    live: Live | None = None,
    report: Mapping[str, Any] | None = None,
    priority: int | None = None,
) -> dict[str, Any]:
    """Return what a list of jobs shows of one.

    Parameters
    ----------
    state
        How it stands, once it is known whether its run still lives.
    live
        What was folded from its record, if that was read.
    report
        The report of its last run, once that has ended.
    priority
        The priority it was given from outside, if any.
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
            "advice": _advice(status, state, now),
            "fraction": round(status.fraction, 4),
            "frames": status.frames,
            "written": len(status.written),
            "failed": len(status.failed),
            "left_s": None if left_s is None else round(left_s, 1),
            "ends_at": None if left_s is None else _moment(status.last, left_s),
            "finish_by": _finish_by(live, report),
            "efficiency": _efficiency(live if running else None, report),
            "nodes": _nodes_there(status, running=running),
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


def _moment(at: str, seconds: float) -> str:
    return (datetime.fromisoformat(at) + timedelta(seconds=seconds)).isoformat(timespec="seconds")


def title(job_id: str, job: Mapping[str, Any]) -> str:
    """What people call a job."""
    return str(job.get("name") or job_id.rpartition("-")[0] or job_id)


def details(
    status: JobStatus, state: RunState, live: Live, *, report: Mapping[str, Any] | None = None, chart: bool = False
) -> dict[str, Any]:
    """Return all there is to tell of a job, besides its row."""
    running = state in (RunState.RUNNING, RunState.ENDING)
    done = report if not running else None
    job = status.job
    return without_none(
        {
            "job": {name: value for name, value in job.items() if value not in ("", None, [], {})},
            "frames": {str(frame): frame_state.value for frame, frame_state in sorted(live.pictures.frames.items())},
            "failures": {
                str(frame): {"reason": reason, "last_words": last_words}
                for frame, (reason, last_words) in status.failed.items()
            },
            "flagged": {str(frame): said for frame, (_, said) in sorted(status.flagged.items())},
            "products": status.products,
            "still": live.pictures.of_still() or None,
            "nodes": {name: _of_node(live, name) for name in live.doings.nodes},
            "figures": dict(summary(dict(done))) if done else _figures(live),
            "chart": chart and not running,
            "runs": {
                str(status.runs - len(status.last_runs) + nth): {
                    "started": run.started, "ended": run.ended, "host": run.host, "flow_run": run.flow_run,
                    "state": run.state.value if run is not status.last_runs[-1] else state.value,
                }
                for nth, run in enumerate(status.last_runs, start=1)
            },
            "lines": {str(nth): [at, said] for nth, at, said in live.lines},
        }
    )  # fmt: skip


def _of_node(live: Live, name: str) -> dict[str, Any]:
    doing, figures = live.doings.nodes[name], live.report.nodes.get(name)
    return {
        "there": doing.there,
        "said": doing.said or (f"lost at {doing.lost[11:19]}" if doing.lost else ""),
        "units": figures.units if figures else 0,
        "busy_s": round(figures.busy_s, 1) if figures else 0.0,
        "rate": round(doing.rate),
        "mishaps": len(doing.mishaps),
        "doing": doing_words(doing.under_way),
    }


def doing_words(under_way: Mapping[Any, str]) -> str:
    """What a node renders, in words."""
    blocks = list(under_way)
    if not blocks:
        return ""
    frames = sorted({block.frame for block in blocks})
    if len(frames) > 1:
        return f"frames {frames[0]}–{frames[-1]}"
    region, samples = blocks[0].region, blocks[0].samples
    return f"frame {frames[0]}, {region.width}×{region.height} at {region.x0},{region.y0}, samples {samples.start}–{samples.stop}"  # noqa: E501


def _figures(live: Live) -> dict[str, str]:
    """What can be said of a run under way, in the words of the report."""
    report = live.report
    if not report.units:
        return {}
    known = report.document()
    return {name: said for name, said in summary(known) if name in ("units", "prediction", "scene")}


def _advice(status: JobStatus, state: RunState, now: datetime) -> str:
    """Say the one command that brings it on, as the command line does."""
    return status.advice(now) if status.state_at(now) is state else ""


def _efficiency(live: Live | None, report: Mapping[str, Any] | None) -> float | None:
    if live is not None:
        return live.efficiency
    return report["efficiency"] if report and report.get("units") else None


def _finish_by(live: Live | None, report: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if live is not None and live.deadline is not None:
        told = live.deadline
        found = {"due": told.due, "expected": told.expected_end, "spare_s": told.spare_s, "sentence": told.sentence}
        return found if told.made_it is None else {**found, "made_it": told.made_it}
    if report and report.get("made_it") is not None:
        spare = datetime.fromisoformat(report["finish_by"]) - datetime.fromisoformat(report["expected_end"])
        return {"due": report["finish_by"], "expected": report["expected_end"], "spare_s": spare.total_seconds(),
                "sentence": "", "made_it": report["made_it"]}  # fmt: skip
    return None


def _nodes_there(status: JobStatus, *, running: bool) -> int:
    return sum(node.state == "there" for node in status.nodes.values()) if running else len(status.nodes)


def _waits(live: Live) -> str | None:
    """Why nothing is rendered though the run goes on; None where something is."""
    doings = live.doings.nodes.values()
    if live.pictures.planned is None or any(doing.under_way for doing in doings):
        return None
    if any(doing.there for doing in doings):
        return None
    reasons = Counter(doing.said for doing in doings if doing.said)
    if not reasons:
        return "No node has come yet."
    why, count = reasons.most_common(1)[0]
    who = "its only node" if len(doings) == 1 else f"{count} of {len(doings)} nodes"
    return f"Waits for a node; {who}: {why}"


def _picture(status: JobStatus, live: Live | None) -> str | None:
    """Which picture stands for it in the list: a frame, and what tells its versions apart."""
    if status.written:
        return f"{max(status.written)}?v={status.runs}"
    if live is not None and live.pictures.preview is not None:
        preview = live.pictures.preview
        return f"{preview.frame}?v={status.runs}-{preview.samples}"
    return None


def run_page(run: ev.RunStarted | None) -> str | None:
    """Where Prefect shows a run; None where it isn't known to be reached."""
    if run is None or not (run.prefect_api and run.flow_run):
        return None
    parts = urlsplit(run.prefect_api)
    known = parts.scheme in ("http", "https")
    return f"{parts.scheme}://{parts.netloc}/runs/flow-run/{run.flow_run}" if known else None
