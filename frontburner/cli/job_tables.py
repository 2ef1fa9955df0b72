"""Jobs in tables, for a person at a terminal."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from frontburner.cli.command import table
from frontburner.jobs.durations import clock_span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table

    from frontburner.record.job_status import JobStatus


def jobs_table(jobs: Sequence[JobStatus], now: datetime) -> Iterator[Table | str]:
    """Show a row for each job."""
    if not jobs:
        yield "This machine has run no job. `frontburner render SCENE` runs one; --out lists the jobs of a store."
        return
    rows = table("job", "state", "done", "frames", "nodes", "left", "started")
    for job in jobs:
        rows.add_row(
            job.job_id, job.state_at(now).value, f"{job.fraction:.0%}", _frames(job), _nodes(job), _left(job, now),
            _moment(job.started),
        )  # fmt: skip
    yield rows


def job_tables(job: JobStatus, now: datetime) -> Iterator[Table | str]:
    """Show one job: its state, nodes, failures, products and runs."""
    why = f" ({job.sentence})" if job.sentence else ""
    left = f", {_left(job, now)} left" if _left(job, now) else ""
    yield f"{job.job_id}: {job.state_at(now)}{why}, {job.fraction:.0%} done, {_frames(job)} frames in place{left}"
    if job.advice(now):
        yield job.advice(now)
    if job.build_sentence:
        yield job.build_sentence
    if job.nodes:
        nodes = table("node", "state", "units", "seconds", "failures", "in flight")
        for name, node in sorted(job.nodes_at(now).items()):
            failures, in_flight = str(node.failures or ""), "; ".join(node.under_way)
            nodes.add_row(name, node.state, str(node.units), f"{node.seconds:.1f}", failures, in_flight)
        yield ""
        yield nodes
    for frame, (reason, last_words) in sorted(job.failed.items()):
        yield f"\nframe {frame} failed: {reason}"
        yield from (f"    {line}" for line in last_words.splitlines())
    yield from (f"\nframe {frame} is flagged: {reason}" for frame, (_, reason) in sorted(job.flagged.items()))
    yield from (f"\n{product}: {output}" for product, output in job.products.items())
    if job.last_runs:
        yield ""
        yield _runs_table(job, now)


def _runs_table(job: JobStatus, now: datetime) -> Table:
    runs = table("run", "state", "started", "ended", "on", "flow run in Prefect")
    for number, run in enumerate(job.last_runs, start=job.runs - len(job.last_runs) + 1):
        state = run.state if run is not job.last_runs[-1] else job.state_at(now)
        runs.add_row(str(number), state.value, _moment(run.started), _moment(run.ended), run.host, run.flow_run)
    return runs


def _frames(job: JobStatus) -> str:
    return f"{len(job.written)} of {job.frames}" + (f", {len(job.failed)} failed" if job.failed else "")


def _nodes(job: JobStatus) -> str:
    connected = sum(node.state == "there" for node in job.nodes.values())
    return f"{connected} of {len(job.nodes)}" if job.open else str(len(job.nodes) or "")


def _left(job: JobStatus, now: datetime) -> str:
    return clock_span(job.seconds_left) if job.running(now) else ""


def _moment(at: str) -> str:
    """Format a moment in this machine's time zone."""
    return f"{datetime.fromisoformat(at).astimezone():%Y-%m-%d %H:%M:%S}" if at else ""
