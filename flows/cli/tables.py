"""Jobs and their events in words and columns, for a person at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from flows.status import JobStatus

_FIRST = ("at", "what", "node", "frame")


def jobs_table(jobs: Sequence[JobStatus], now: datetime) -> Iterator[Table | str]:
    """A line a job."""
    if not jobs:
        yield "No job has run on this machine. `frontburner render SCENE` runs one."
        return
    rows = [
        (job.job_id, job.stand(now).value, f"{job.fraction:.0%}", _frames(job), _left(job), job.started[:16])
        for job in jobs
    ]
    yield _table(("job", "state", "done", "frames", "left", "started"), rows)


def job_tables(job: JobStatus, now: datetime) -> Iterator[Table | str]:
    """How one job stands."""
    why = f" ({job.sentence})" if job.sentence else ""
    runs = f"{job.runs} run{'s' if job.runs != 1 else ''}, the last since {job.started[:19]}"
    yield f"{job.job_id}: {job.stand(now)}{why}, {job.fraction:.0%} done, {_frames(job)} frames in place; {runs}"
    if job.nodes:
        rows = [
            (name, node.state, str(node.units), f"{node.seconds:.1f}", str(node.failures or ""))
            for name, node in sorted(job.nodes.items())
        ]
        yield _table(("node", "state", "units", "seconds", "failures"), rows)
    for frame, (reason, words) in sorted(job.failed.items()):
        yield f"frame {frame} failed: {reason}"
        yield from (f"    {line}" for line in words.splitlines())


def line(event: Mapping[str, Any]) -> str:
    """An event on a line: when, what, where, then all else that is told of it."""
    rest = (f"{name}={value}" for name, value in event.items() if name not in _FIRST and value not in (None, "", []))
    frame = f"frame {event['frame']}" if "frame" in event else ""
    return "  ".join(filter(None, [event["at"][:23], event["what"], event.get("node", ""), frame, *rest]))


def _frames(job: JobStatus) -> str:
    return f"{len(job.written)} of {job.frames}" + (f", {len(job.failed)} failed" if job.failed else "")


def _left(job: JobStatus) -> str:
    return "" if job.seconds_left is None else f"{job.seconds_left:.0f} s"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(*head, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*row)
    return table
