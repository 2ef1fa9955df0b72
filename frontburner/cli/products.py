"""``frontburner job movie``, ``sheet`` and ``check``: what is made of a job's frames, and whether they are good."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from frontburner.cli.job import OK, Flag, Json, Name, Nodes, Out, app, guarded, here, print_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from frontburner.record.registry import JobLocation
    from tasks.picture.inspection import Finding

FLAGGED = 1


@app.command
def movie(
    name: Name,
    *,
    codec: Annotated[str, Parameter(help="h264, hevc, av1, prores, or several of them with commas.")] = "",
    fps: Annotated[str, Parameter(help="Frames a second, such as 25 or 23.976; else the job's own.")] = "",
    out: Out = None,
    json: Json = False,
) -> int:
    """Make a movie of a job's frames, beside its pictures. A frame that isn't there or is damaged ends it.

    Without --codec it is what the job says, or else H.264.
    """

    def act() -> int:
        from frontburner.jobs.field_values import parse_fps
        from frontburner.jobs.job import make_job
        from frontburner.record.recorded_frames import load_footage
        from frontburner.record.registry import find_job
        from tasks.picture.movie import Codec
        from tasks.picture.products import make_movie

        place = find_job(name, out)
        job, footage = load_footage(place)
        given = {"movie": codec} if codec else {}
        given |= {"fps": fps} if fps else {}
        job = make_job(job.model_dump() | given)
        made = {}
        for one in job.movie or [Codec.H264]:
            with _progress(f"{one} movie", len(footage.frames)) as tell:
                product = make_movie(footage, one, parse_fps(job.fps), place.store, reuse=False, tell=tell)
            made[f"{one} movie"] = place.store.locate(product.key)
        print_out(made, made.values(), as_json=json)
        return OK

    return guarded(act)


@app.command
def sheet(name: Name, *, out: Out = None, json: Json = False) -> int:
    """Make a contact sheet of a job's frames, beside its pictures. Flagged frames are framed in red."""

    def act() -> int:
        from frontburner.jobs.frames import format_frames
        from frontburner.record.recorded_frames import load_footage
        from frontburner.record.registry import find_job
        from frontburner.record.snapshot import status_of
        from tasks.picture.products import make_sheet

        place = find_job(name, out)
        _, footage = load_footage(place)
        flags = {frame: fault for frame, (fault, _) in status_of(place.store, place.job_id).flagged.items()}
        facts = f"frames {format_frames(tuple(own.frame for own in footage.frames))}"
        made = place.store.locate(make_sheet(footage, flags, facts, place.store, reuse=False).key)
        print_out({"contact sheet": made}, [made], as_json=json)
        return OK

    return guarded(act)


@app.command
def check(name: Name, *, rerender: Flag = False, out: Out = None, nodes: Nodes = 0, json: Json = False) -> int:
    """Read a job's frames back and name those that are missing, damaged or stand out from their neighbours.

    Exit code 1 says that there are some.

    Parameters
    ----------
    rerender
        Render those again.
    """

    def act() -> int:
        from frontburner.control.resume import RerunRequest, rerun
        from frontburner.jobs.frames import format_frames
        from frontburner.record.recorded_frames import load_footage
        from frontburner.record.registry import find_job
        from tasks.picture.products import inspect

        place = find_job(name, out)
        _, footage = load_footage(place)
        with _progress("checking", len(footage.frames)) as tell:
            found = inspect(footage, place.store, tell=tell)
        _record(place, found, len(footage.frames))
        print_out(_document(found, len(footage.frames)), _lines(found, len(footage.frames)), as_json=json)
        if not found:
            return OK
        frames = format_frames(tuple(finding.frame for finding in found))
        if rerender:
            return rerun(place, RerunRequest(frames=frames), here(nodes, as_json=False)) or OK
        print(f"To render them again: frontburner job rerun {place.job_id} --frames {frames}", file=sys.stderr)
        return FLAGGED

    return guarded(act)


def _document(found: Sequence[Finding], frames: int) -> dict[str, Any]:
    told = {str(one.frame): {"fault": one.fault.value, "sentence": one.sentence} for one in found}
    return {"checked_frames": frames, "flagged_frames": told}


def _lines(found: Sequence[Finding], frames: int) -> Iterator[str]:
    yield from (f"frame {one.frame}: {one.sentence}" for one in found)
    yield f"{frames} frames checked, {len(found) or 'none'} flagged."


def _record(place: JobLocation, found: Sequence[Finding], frames: int) -> None:
    """Keep what was found in the job's record, unless a run of it is writing there."""
    from frontburner import events as ev
    from frontburner.record.event_log import new_run_name
    from frontburner.record.event_writer import EventWriter
    from frontburner.record.snapshot import status_of

    if status_of(place.store, place.job_id).open:
        return

    def now() -> datetime:
        return datetime.now().astimezone()

    run = new_run_name(place.store, place.job_id, now(), "checked")
    with EventWriter(store=place.store, job_id=place.job_id, run=run, now=now) as recorder:
        recorder.take(ev.FramesChecked(at_s=0.0, frames=frames))
        for one in found:
            recorder.take(ev.FrameFlagged(at_s=0.0, frame=one.frame, fault=one.fault, sentence=one.sentence))


@contextmanager
def _progress(what: str, frames: int) -> Iterator[Callable[[int], object]]:
    """Show how far the frames are read, where somebody looks."""
    from rich.console import Console
    from rich.progress import Progress

    quiet = not sys.stderr.isatty()
    with Progress(console=Console(stderr=True), transient=True, disable=quiet) as progress:
        task = progress.add_task(what, total=frames)
        yield lambda count: progress.advance(task, count)
