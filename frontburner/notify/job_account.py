"""What became of a job, for someone who wasn't there: its state, what failed and why, what stands out, and pictures."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from frontburner.events import RunState
from frontburner.jobs.durations import format_span
from frontburner.jobs.frames import format_frames
from frontburner.jobs.job import make_job
from frontburner.record.recorded_frames import footage_from_status
from frontburner.record.registry import job_document
from frontburner.record.snapshot import status_of
from storage.errors import FrontburnerError, MissingObject
from storage.objects import INTERNAL_PREFIX
from tasks.notify_targets import Occasion
from tasks.picture.products import SHEET, preview_of, sheet_preview

if TYPE_CHECKING:
    from frontburner.record.job_status import JobStatus
    from frontburner.record.registry import JobLocation

SKIPPED = "skipped"
MOST_FLAGGED_SHOWN = 2
_ENDED = (RunState.COMPLETED, RunState.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPicture:
    """A picture, under its caption. ``name`` is how a letter calls it."""

    name: str
    caption: str
    jpeg: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class JobAccount:
    """What became of a job.

    Parameters
    ----------
    state
        How its last run stands, in `frontburner.events.RunState`'s words, or ``skipped``.
    failed, flagged
        Number and reason of each frame that failed or stands out.
    took_s, efficiency, nodes
        Of the last run, where it ended with a report.
    deadline
        Whether it was ready in time, in a sentence.
    advice
        The command that brings it on.
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
    shown: tuple[AccountPicture, ...] = ()

    @property
    def occasion(self) -> Occasion:
        """What it is, to those who are told."""
        if self.failed or self.state not in (RunState.COMPLETED.value, SKIPPED, RunState.RUNNING.value):
            return Occasion.FAILED
        return Occasion.FLAGGED if self.flagged else Occasion.DONE

    @property
    def failures(self) -> tuple[tuple[str, str], ...]:
        """Frames that failed for the same reason, as ``frames 31-48``, and the reason."""
        return _grouped(self.failed)

    @property
    def flags(self) -> tuple[tuple[str, str], ...]:
        """Frames that stand out in the same words, and the words."""
        return _grouped(self.flagged)

    @property
    def facts(self) -> str:
        """Its figures on a line."""
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
        told = {name: value for name, value in asdict(self).items() if name not in ("shown", "failed", "flagged")}
        return {
            **told,
            "occasion": self.occasion.value,
            "failed": {str(frame): reason for frame, reason in self.failed},
            "flagged": {str(frame): sentence for frame, sentence in self.flagged},
            "products": dict(self.products),
            "pictures": [f"{one.name}.jpg" for one in self.shown],
        }


def account_of(place: JobLocation, now: datetime, *, name: str = "picture") -> JobAccount:
    """Tell what became of a job.

    Parameters
    ----------
    name
        What the names of its pictures begin with.
    """
    status = status_of(place.store, place.job_id)
    report = _report(place) if status.state in _ENDED else {}
    state, sentence, began, ended = _last(status, now)
    first = next(iter(status.written.values()), ("",))[0]
    return JobAccount(
        job_id=place.job_id,
        title=place.job_id.rpartition("-")[0] or place.job_id,
        state=state,
        sentence=sentence,
        began=began,
        ended=ended,
        frames=status.frames,
        in_place=len(status.written),
        failed=tuple((frame, reason) for frame, (reason, _) in sorted(status.failed.items())),
        flagged=tuple((frame, said) for frame, (_, said) in sorted(status.flagged.items())),
        took_s=_took_s(status),
        efficiency=report.get("efficiency") if report.get("units") else None,
        nodes=report.get("nodes"),
        products=tuple(status.products.items()),
        outputs=str(PurePosixPath(first).parent) if "://" not in first else first.rpartition("/")[0],
        deadline=_deadline(report),
        advice=status.advice(now) if state != SKIPPED else "",
        shown=_shown(place, status, name),
    )


def _grouped(told: tuple[tuple[int, str], ...]) -> tuple[tuple[str, str], ...]:
    """Name frames of which the same is said together."""
    frames: dict[str, list[int]] = {}
    for frame, said in told:
        frames.setdefault(said, []).append(frame)
    return tuple(
        (f"frame{'' if len(own) == 1 else 's'} {format_frames(tuple(own))}", said) for said, own in frames.items()
    )


def _last(status: JobStatus, now: datetime) -> tuple[str, str, str, str]:
    """State, sentence, beginning and end of what happened last: a run, or one that was skipped."""
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
    """Say whether it was ready in time."""
    if report.get("made_it") is None:
        return ""
    due, end = (datetime.fromisoformat(report[key]) for key in ("finish_by", "expected_end"))
    apart = format_span(abs((due - end).total_seconds()))
    return f"ready with {apart} to spare for {due:%H:%M}" if report["made_it"] else f"not ready for {due:%H:%M}"


def _report(place: JobLocation) -> dict[str, Any]:
    try:
        report: dict[str, Any] = json.loads(place.store.read(f"{INTERNAL_PREFIX}/jobs/{place.job_id}.json"))
    except (MissingObject, ValueError):
        return {}
    return report


def _shown(place: JobLocation, status: JobStatus, name: str) -> tuple[AccountPicture, ...]:
    """Choose pictures of a job: its contact sheet or a frame of its middle, and some of those that are flagged."""
    try:
        job = make_job(job_document(place, status))
        footage = footage_from_status(place.store, status, job)
        there = [own for own in footage.frames if own.files]
        wanted = [own for own in there if own.frame in status.flagged][:MOST_FLAGGED_SHOWN]
        good = [own for own in there if own.frame not in status.flagged]
        pictures = []
        if f"{job.title}{SHEET}" in map(_name, status.products.values()):
            pictures.append((f"{len(there)} frames", sheet_preview(footage.title, place.store)))
            good = []
        for own in [*good[len(good) // 2 :][:1], *wanted]:
            flag = status.flagged.get(own.frame, ("", ""))[0]
            caption = f"frame {own.frame}" + (f": {flag}" if flag else "")
            pictures.append((caption, preview_of(own, place.store, footage.encoding)))
    except FrontburnerError:
        return ()
    return tuple(
        AccountPicture(name=f"{name}-{at}", caption=caption, jpeg=jpeg)
        for at, (caption, jpeg) in enumerate(pictures, start=1)
    )


def _name(output: str) -> str:
    return PurePosixPath(output.replace("\\", "/")).name
