"""Summary of a job for notifications and the morning report: state, failures, flagged frames, figures, pictures."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from frontburner.events import RunState
from frontburner.jobs.durations import format_span
from frontburner.jobs.frames import format_frames
from frontburner.jobs.job import make_job
from frontburner.record.recorded_frames import footage_from_status
from frontburner.record.registry import job_document, list_jobs
from frontburner.record.snapshot import status_of
from storage.errors import FrontburnerError, MissingObject
from storage.objects import INTERNAL_PREFIX
from tasks.notify_targets import Occasion
from tasks.picture.products import SHEET, preview_of, sheet_preview

if TYPE_CHECKING:
    from collections.abc import Callable

    from frontburner.record.job_status import JobStatus
    from frontburner.record.registry import JobLocation

SKIPPED = "skipped"
MAX_FLAGGED_PICTURES = 2
_ENDED = (RunState.COMPLETED, RunState.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryPicture:
    """A picture with its caption. ``name`` identifies it in a notification."""

    name: str
    caption: str
    jpeg: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSummary:
    """Summary of a job.

    Parameters
    ----------
    state
        State of its last run, a value of `frontburner.events.RunState`, or ``skipped``.
    failed, flagged
        Number and reason of each frame that failed or was flagged.
    took_s, efficiency, nodes
        Figures of the last run, if it ended with a report.
    deadline
        Whether it was ready in time, in words; empty without a deadline.
    advice
        The command that continues it.
    """

    job_id: str
    title: str
    state: str
    sentence: str
    began: str
    ended: str
    frames: int
    in_place: int
    failed: tuple[tuple[int, str], ...]
    flagged: tuple[tuple[int, str], ...]
    took_s: float | None
    efficiency: float | None
    nodes: int | None
    products: tuple[tuple[str, str], ...]
    outputs: str
    deadline: str
    advice: str
    pictures: tuple[SummaryPicture, ...] = ()

    @property
    def occasion(self) -> Occasion:
        """Occasion by which targets choose notifications."""
        if self.failed or self.state not in (RunState.COMPLETED.value, SKIPPED, RunState.RUNNING.value):
            return Occasion.FAILED
        return Occasion.FLAGGED if self.flagged else Occasion.DONE

    @property
    def failures(self) -> tuple[tuple[str, str], ...]:
        """Frames that failed for the same reason, as ``frames 31-48``, and the reason."""
        return _grouped(self.failed)

    @property
    def flags(self) -> tuple[tuple[str, str], ...]:
        """Frames that were flagged for the same reason, and the reason."""
        return _grouped(self.flagged)

    @property
    def facts(self) -> str:
        """Its figures in a line."""
        parts = [f"{self.in_place} of {self.frames} frame{'' if self.frames == 1 else 's'} in place"]
        if self.took_s is not None:
            parts.append(format_span(self.took_s))
        if self.nodes:
            parts.append(f"{self.nodes} node{'' if self.nodes == 1 else 's'}")
        if self.efficiency:
            parts.append(f"{self.efficiency:.0%} efficient")
        return " · ".join(parts)

    def document(self) -> dict[str, Any]:
        """Return it as plain JSON values; pictures by their names."""
        values = {name: value for name, value in asdict(self).items() if name not in ("pictures", "failed", "flagged")}
        return {
            **values,
            "occasion": self.occasion.value,
            "failed": {str(frame): reason for frame, reason in self.failed},
            "flagged": {str(frame): sentence for frame, sentence in self.flagged},
            "products": dict(self.products),
            "pictures": [f"{picture.name}.jpg" for picture in self.pictures],
        }


def summarize_job(place: JobLocation, now: datetime, *, prefix: str = "picture") -> JobSummary:
    """Summarize a job.

    Parameters
    ----------
    prefix
        Start of the names of its pictures.
    """
    status = status_of(place.store, place.job_id)
    report = _report(place) if status.state in _ENDED else {}
    state, sentence, began, ended = _last_run(status, now)
    first = next(iter(status.written.values()), ("",))[0]
    return JobSummary(
        job_id=place.job_id,
        title=place.job_id.rpartition("-")[0] or place.job_id,
        state=state,
        sentence=sentence,
        began=began,
        ended=ended,
        frames=status.frames,
        in_place=len(status.written),
        failed=tuple((frame, reason) for frame, (reason, _) in sorted(status.failed.items())),
        flagged=tuple((frame, reason) for frame, (_, reason) in sorted(status.flagged.items())),
        took_s=_took_s(status),
        efficiency=report.get("efficiency") if report.get("units") else None,
        nodes=report.get("nodes"),
        products=tuple(status.products.items()),
        outputs=str(PurePosixPath(first).parent) if "://" not in first else first.rpartition("/")[0],
        deadline=_deadline(report),
        advice=status.advice(now) if state != SKIPPED else "",
        pictures=_pictures(place, status, prefix),
    )


def summaries_since(
    since: datetime, now: datetime, *, warn: Callable[[str], object] = lambda text: print(text, file=sys.stderr)
) -> list[JobSummary]:
    """Summarize this machine's jobs whose last run started, ended or was skipped since a time, or is running.

    Parameters
    ----------
    warn
        Called with a sentence about each job whose record can't be read.
    """
    summaries = []
    for index, place in enumerate(list_jobs()):
        try:
            summary = summarize_job(place, now, prefix=f"job{index}")
        except FrontburnerError as error:
            warn(f"{place.job_id} is left out: {error}")
            continue
        last = summary.ended or summary.began
        if last and (datetime.fromisoformat(last) >= since or summary.state == RunState.RUNNING.value):
            summaries.append(summary)
    return summaries


def _grouped(reasons: tuple[tuple[int, str], ...]) -> tuple[tuple[str, str], ...]:
    """Group frames with the same reason."""
    groups: dict[str, list[int]] = {}
    for frame, reason in reasons:
        groups.setdefault(reason, []).append(frame)
    return tuple(
        (f"frame{'' if len(frames) == 1 else 's'} {format_frames(tuple(frames))}", reason)
        for reason, frames in groups.items()
    )


def _last_run(status: JobStatus, now: datetime) -> tuple[str, str, str, str]:
    """State, sentence, start and end of the last run, which may have been skipped."""
    run = status.last_runs[-1] if status.last_runs else None
    began, ended = (run.started, run.ended) if run else ("", "")
    if status.skipped:
        at, why = status.skipped
        if not began or datetime.fromisoformat(at) > datetime.fromisoformat(began):
            return SKIPPED, why, at, at
    return status.state_at(now).value, status.sentence, began, ended


def _took_s(status: JobStatus) -> float | None:
    run = status.last_runs[-1] if status.last_runs else None
    if run is None or not run.ended:
        return None
    return (datetime.fromisoformat(run.ended) - datetime.fromisoformat(run.started)).total_seconds()


def _deadline(report: dict[str, Any]) -> str:
    """Whether it was ready in time, in words."""
    if report.get("made_it") is None:
        return ""
    due, end = (datetime.fromisoformat(report[key]) for key in ("finish_by", "expected_end"))
    margin = format_span(abs((due - end).total_seconds()))
    return f"ready with {margin} to spare for {due:%H:%M}" if report["made_it"] else f"not ready for {due:%H:%M}"


def _report(place: JobLocation) -> dict[str, Any]:
    try:
        report: dict[str, Any] = json.loads(place.store.read(f"{INTERNAL_PREFIX}/jobs/{place.job_id}.json"))
    except (MissingObject, ValueError):
        return {}
    return report


def _pictures(place: JobLocation, status: JobStatus, prefix: str) -> tuple[SummaryPicture, ...]:
    """Choose pictures of a job: its contact sheet or a frame from its middle, and some flagged frames."""
    try:
        job = make_job(job_document(place, status))
        footage = footage_from_status(place.store, status, job)
        written = [frame for frame in footage.frames if frame.files]
        flagged = [frame for frame in written if frame.frame in status.flagged][:MAX_FLAGGED_PICTURES]
        good = [frame for frame in written if frame.frame not in status.flagged]
        pictures = []
        if f"{job.title}{SHEET}" in map(_file_name, status.products.values()):
            pictures.append((f"{len(written)} frames", sheet_preview(footage.title, place.store)))
            good = []
        for frame in [*good[len(good) // 2 :][:1], *flagged]:
            flag = status.flagged.get(frame.frame, ("", ""))[0]
            caption = f"frame {frame.frame}" + (f": {flag}" if flag else "")
            pictures.append((caption, preview_of(frame, place.store, footage.encoding)))
    except FrontburnerError:
        return ()
    return tuple(
        SummaryPicture(name=f"{prefix}-{index}", caption=caption, jpeg=jpeg)
        for index, (caption, jpeg) in enumerate(pictures, start=1)
    )


def _file_name(output: str) -> str:
    return PurePosixPath(output.replace("\\", "/")).name
