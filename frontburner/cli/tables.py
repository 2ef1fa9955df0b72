"""Jobs and their events in words and columns, for a person at a terminal."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.table import Table

from frontburner.jobs.durations import clock_span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from frontburner.record.job_status import JobStatus

_FIRST = ("at", "what", "node", "frame")


def jobs_table(jobs: Sequence[JobStatus], now: datetime) -> Iterator[Table | str]:
    """A line a job."""
    if not jobs:
        yield "No job is known here. `frontburner render SCENE` runs one; --out looks in the store of others."
        return
    rows = [
        (job.job_id, job.state_at(now).value, f"{job.fraction:.0%}", _frames(job), _nodes(job), _left(job, now),
         _moment(job.started))
        for job in jobs
    ]  # fmt: skip
    yield _table(("job", "state", "done", "frames", "nodes", "left", "started"), rows)


def job_tables(job: JobStatus, now: datetime) -> Iterator[Table | str]:
    """How one job stands."""
    why = f" ({job.sentence})" if job.sentence else ""
    left = f", {_left(job, now)} left" if _left(job, now) else ""
    yield f"{job.job_id}: {job.state_at(now)}{why}, {job.fraction:.0%} done, {_frames(job)} frames in place{left}"
    if job.advice(now):
        yield job.advice(now)
    if job.nodes:
        rows = [
            (name, node.state, str(node.units), f"{node.seconds:.1f}", str(node.failures or ""),
             "; ".join(node.under_way))
            for name, node in sorted(job.nodes_at(now).items())
        ]  # fmt: skip
        yield ""
        yield _table(("node", "state", "units", "seconds", "failures", "under way"), rows)
    yield from _failures(job)
    yield from (f"\nframe {frame} is flagged: {said}" for frame, (_, said) in sorted(job.flagged.items()))
    yield from (f"\n{product}: {output}" for product, output in job.products.items())
    if job.last_runs:
        yield ""
        yield _table(("run", "state", "began", "ended", "on", "flow run in Prefect"), _runs(job, now))


def _failures(job: JobStatus) -> Iterator[str]:
    for frame, (reason, words) in sorted(job.failed.items()):
        yield f"\nframe {frame} failed: {reason}"
        yield from (f"    {line}" for line in words.splitlines())


def _runs(job: JobStatus, now: datetime) -> Iterator[Sequence[str]]:
    first = job.runs - len(job.last_runs) + 1
    for number, run in enumerate(job.last_runs, start=first):
        state = run.state if run is not job.last_runs[-1] else job.state_at(now)
        yield str(number), state.value, _moment(run.started), _moment(run.ended), run.host, run.flow_run


def line(event: Mapping[str, Any]) -> str:
    """An event on a line: when, what, where, then all else that is told of it."""
    rest = (f"{name}={value}" for name, value in event.items() if name not in _FIRST and value not in (None, "", []))
    frame = f"frame {event['frame']}" if "frame" in event else ""
    return "  ".join(filter(None, [event["at"][:23], event["what"], event.get("node", ""), frame, *rest]))


def _frames(job: JobStatus) -> str:
    return f"{len(job.written)} of {job.frames}" + (f", {len(job.failed)} failed" if job.failed else "")


def _nodes(job: JobStatus) -> str:
    there = sum(node.state == "there" for node in job.nodes.values())
    return f"{there} of {len(job.nodes)}" if job.open else str(len(job.nodes) or "")


def _left(job: JobStatus, now: datetime) -> str:
    return clock_span(job.seconds_left) if job.running(now) else ""


def _moment(at: str) -> str:
    """Make a moment readable where this machine is."""
    return f"{datetime.fromisoformat(at).astimezone():%Y-%m-%d %H:%M:%S}" if at else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(*head, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*row)
    return table
