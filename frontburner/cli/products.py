"""``frontburner movie``, ``job sheet`` and ``job check``: movies, contact sheets and faults of a job's frames."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from frontburner.cli.command import FRAMES_FAILED, OK, Flag, Json, guarded_with_farm, print_err, print_result
from frontburner.cli.job import Name, Nodes, Out, app, local_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from frontburner.record.registry import JobLocation
    from tasks.picture.inspection import Finding


@app.command
@guarded_with_farm
def movie(
    name: Name,
    *,
    codec: Annotated[str, Parameter(help="h264, hevc, av1, prores, or several of them, separated by commas.")] = "",
    fps: Annotated[str, Parameter(help="Frames a second, such as 25 or 23.976; else the job's own.")] = "",
    out: Out = None,
    json: Json = False,
) -> int:
    """Make a movie of a job's frames, beside its pictures. It fails if a frame is missing or damaged.

    Without --codec it is the job's codec, or else H.264.
    """
    from frontburner.jobs.field_values import parse_fps
    from frontburner.jobs.job import make_job
    from frontburner.record.recorded_frames import load_footage
    from frontburner.record.registry import find_job
    from tasks.picture.movie import Codec
    from tasks.picture.products import make_movie

    location = find_job(name, out)
    job, footage = load_footage(location)
    given = {name: value for name, value in {"movie": codec, "fps": fps}.items() if value}
    job = make_job(job.model_dump() | given)
    movies = {}
    for each in job.movie or [Codec.H264]:
        with _progress(f"{each} movie", len(footage.frames)) as advance:
            product = make_movie(footage, each, parse_fps(job.fps), location.store, reuse=False, on_read=advance)
        movies[f"{each} movie"] = location.store.locate(product.key)
    print_result(movies, movies.values(), as_json=json)
    return OK


@app.command
@guarded_with_farm
def sheet(name: Name, *, out: Out = None, json: Json = False) -> int:
    """Make a contact sheet of a job's frames, beside its pictures. Flagged frames have a red border."""
    from frontburner.jobs.frames import format_frames
    from frontburner.record.recorded_frames import load_footage
    from frontburner.record.registry import find_job
    from frontburner.record.snapshot import status_of
    from tasks.picture.products import make_sheet

    location = find_job(name, out)
    _, footage = load_footage(location)
    flags = {frame: fault for frame, (fault, _) in status_of(location.store, location.job_id).flagged.items()}
    caption = f"frames {format_frames(tuple(each.frame for each in footage.frames))}"
    url = location.store.locate(make_sheet(footage, flags, caption, location.store, reuse=False).key)
    print_result({"contact sheet": url}, [url], as_json=json)
    return OK


@app.command
@guarded_with_farm
def check(name: Name, *, rerender: Flag = False, out: Out = None, nodes: Nodes = 0, json: Json = False) -> int:
    """Read a job's frames back and list those that are missing, damaged or unlike their neighbours.

    Exit code 1: some frames are flagged.

    Parameters
    ----------
    rerender
        Render the flagged frames again.
    """
    from frontburner.control.resume import RerunRequest, rerun
    from frontburner.jobs.frames import format_frames
    from frontburner.record.recorded_frames import load_footage
    from frontburner.record.registry import find_job
    from tasks.picture.inspection import all_frames
    from tasks.picture.products import inspect

    location = find_job(name, out)
    _, footage = load_footage(location)
    count = len(footage.frames)
    with _progress("checking", count) as advance:
        findings = inspect(footage, location.store, on_read=advance)
    _record(location, findings, count)
    flagged = {str(each.frame): {"fault": each.fault.value, "sentence": each.sentence} for each in findings}
    lines = [f"frame {each.frame}: {each.sentence}" for each in findings]
    lines.append(f"{count} frames checked, {len(findings) or 'none'} flagged.")
    print_result({"checked_frames": count, "flagged_frames": flagged}, lines, as_json=json)
    if not findings:
        return OK
    frames = format_frames(all_frames(findings))
    if rerender:
        return rerun(location, RerunRequest(frames=frames), local_run(nodes, as_json=False)) or OK
    print_err(f"To render them again: frontburner job rerun {location.job_id} --frames {frames}")
    return FRAMES_FAILED


def _record(location: JobLocation, findings: Sequence[Finding], frames: int) -> None:
    """Add the findings to the job's record, unless a run is writing there."""
    from frontburner import events as ev
    from frontburner.record.event_log import new_run_name
    from frontburner.record.event_writer import EventWriter
    from frontburner.record.snapshot import status_of

    if status_of(location.store, location.job_id).open:
        return

    def now() -> datetime:
        return datetime.now().astimezone()

    run = new_run_name(location.store, location.job_id, now(), "checked")
    with EventWriter(store=location.store, job_id=location.job_id, run=run, now=now) as recorder:
        recorder.take(ev.FramesChecked(at_s=0.0, frames=frames))
        for each in findings:
            recorder.take(ev.FrameFlagged(at_s=0.0, frame=each.frame, fault=each.fault, sentence=each.sentence))


@contextmanager
def _progress(description: str, frames: int) -> Iterator[Callable[[int], object]]:
    """Show a progress bar if standard error is a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    disable = not sys.stderr.isatty()
    with Progress(console=Console(stderr=True), transient=True, disable=disable) as progress:
        task = progress.add_task(description, total=frames)
        yield lambda count: progress.advance(task, count)
