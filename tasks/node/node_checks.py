"""Check a machine: what it has, every renderer by rendering, and whether it reaches a job's store and scene.

Renderers are tried in a process of the check's own: nothing that was loaded before is trusted, and a crash does no
harm. The process yields to a unit that is rendered meanwhile.
"""

from __future__ import annotations

import os
import socket
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from storage.errors import FrontburnerError, MissingObject
from storage.objects import open_store
from system.machine import lower_priority, user
from tasks.errors import NodeNotReady
from tasks.node.machine_checks import machine_checks
from tasks.node.readiness import Check, Grade, Readiness
from tasks.node.renderer_process import RendererProcess
from tasks.node.versions import versions
from tasks.renderers import RENDERERS, renderer, renderer_for
from tasks.renderers.diagnosis import ProgramExit, diagnose, places
from tasks.renderers.trial import recorded_trials

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tasks.renderers.trial import TrialRecord

RENDERER_TIMEOUT_S = 900.0
_REHEARSAL = "null"
_NICENESS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest:
    """What is to be checked.

    Parameters
    ----------
    renderers
        Names of those that must work; empty is all there are, of which some may not be installed.
    store_url, beacon
        A job's store, and the key of an object in it.
    scene
        Path of a scene.
    afresh, measure
        Whether to ignore earlier trials, and to measure speeds.
    """

    renderers: tuple[str, ...] = ()
    store_url: str = ""
    beacon: str = ""
    scene: str = ""
    afresh: bool = True
    measure: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the renderers to try, the scene's among them."""
        names = self.renderers or tuple(name for name in RENDERERS if name != _REHEARSAL)
        return tuple(dict.fromkeys([*names, *filter(None, [_renderer_of(self.scene) if self.scene else ""])]))


@dataclass(frozen=True, slots=True, kw_only=True)
class RendererTrial:
    """The result of trying a renderer."""

    builds: tuple[str, ...] = ()
    error: NodeNotReady | None = None
    tried: tuple[TrialRecord, ...] = ()

    @property
    def speed(self) -> float | None:
        """Samples a second of the best build, if they were measured."""
        return next((each.verdict.samples_per_s for each in self.tried if each.verdict.ok), None)


def check_machine(request: CheckRequest, *, node: str, threads: int, logs: Path, busy: bool = False) -> Readiness:
    """Check this machine.

    Parameters
    ----------
    node
        Name of the machine or of the node.
    threads, logs
        With how many threads it renders, and where it keeps its logs.
    busy
        Whether it renders something, so that its speed can't be measured.
    """
    checks, scene = machine_checks(threads=threads, logs=logs), ""
    builds: dict[str, tuple[str, ...]] = {}
    speeds: dict[str, float] = {}
    with _check_process(node, logs) as process:
        for name in request.names:
            trial = _try_in_process(process, name, afresh=request.afresh, measure=request.measure and not busy)
            checks.append(_renderer_check(name, trial, request, busy=busy))
            if isinstance(trial, RendererTrial):
                builds[name] = trial.builds
                if trial.speed:
                    speeds[name] = trial.speed
        if request.scene:
            check, scene = _check_scene_in_process(process, request.scene, builds)
            checks.append(check)
    if request.store_url:
        checks.append(check_store(request.store_url, beacon=request.beacon))
    return Readiness(
        node=node, host=socket.gethostname(), checks=tuple(checks), builds={n: b for n, b in builds.items() if b},
        speeds=speeds, versions=versions(), scene=scene,
    )  # fmt: skip


def local_scene_digest(scene: str, *, logs: Path) -> str:
    """Digest of a scene on this machine; empty where it can't be read."""
    name = _renderer_of(scene)
    with _check_process("here", logs) as process:
        trial = _try_in_process(process, name, afresh=False, measure=False) if name else None
        builds = {name: trial.builds} if isinstance(trial, RendererTrial) else {}
        return _check_scene_in_process(process, scene, builds)[1]


def check_store(url: str, *, beacon: str = "") -> Check:
    """Write, read and delete a small object.

    Parameters
    ----------
    beacon
        Key of an object that the asking machine has put there: a node that doesn't see it has another store.
    """
    began_s = time.perf_counter()
    try:
        store = open_store(url)
        if beacon:
            store.read(beacon)
        store.check()
    except MissingObject:
        return Check(
            name="store", grade=Grade.FAILS,
            reason=f"What the node has at {url} isn't the job's store, but another of that name.",
            remedy="Mount the same drive there on every machine, or use an s3:// store.",
        )  # fmt: skip
    except FrontburnerError as error:
        return Check(name="store", grade=Grade.FAILS, reason=error.reason, remedy=error.remedy)
    took_s = time.perf_counter() - began_s
    return Check(name="store", value=f"{store.url}: written and read back in {took_s * 1000:.0f} ms")


def check_scene(scene: str, builds: Mapping[str, Sequence[str]]) -> tuple[Check, str]:
    """Read a scene; returns its digest, too. To be called where a renderer may be imported.

    Parameters
    ----------
    builds
        Builds that work here, by renderer.
    """
    unreadable = _unreadable(Path(scene))
    if unreadable:
        return unreadable, ""
    name = _renderer_of(scene)
    if not name:
        return _scene_fails(f"No renderer reads files like {Path(scene).name}.", "Give a scene file of a renderer."), ""
    if not builds.get(name):
        return Check(name="scene", grade=Grade.NOTE, reason=f"It wasn't read, as {name} doesn't work here."), ""
    try:
        found = renderer(name).inspect(Path(scene), build=builds[name][0], frame=1, parameters=())
    except FrontburnerError as error:
        return _scene_fails(error.reason, error.remedy), ""
    count = len(found.files)
    return Check(name="scene", value=f"{count} file{'s' if count != 1 else ''}, {found.digest[:8]}"), found.digest


def _try_renderer(name: str, afresh: bool, measure: bool) -> RendererTrial:  # noqa: FBT001 - called in the process
    lower_priority(_NICENESS)
    with recorded_trials(afresh=afresh, measure=measure) as records:
        try:
            builds = renderer(name).builds()
        except NodeNotReady as error:
            return RendererTrial(error=error, tried=tuple(records))
        return RendererTrial(builds=builds, tried=tuple(records))


@contextmanager
def _check_process(node: str, logs: Path) -> Iterator[RendererProcess | None]:
    """Process for renderers; None where no folder for its log can be written."""
    for folder in (logs, Path(tempfile.gettempdir()) / f"frontburner-check-{user()}"):
        try:
            process = RendererProcess(node=node, threads=1, logs=folder)
        except OSError:
            continue
        with process:
            yield process
        return
    yield None


def _try_in_process(
    process: RendererProcess | None, name: str, *, afresh: bool, measure: bool
) -> RendererTrial | FrontburnerError:
    if process is None:
        return FrontburnerError(reason="It wasn't tried: no folder can be written.", remedy="See above.")
    try:
        return process.call(_try_renderer, name, afresh, measure, timeout_s=RENDERER_TIMEOUT_S, name=name)
    except FrontburnerError as error:
        last_words = getattr(error, "last_words", "")
        finding = diagnose(ProgramExit(code=1, output=last_words), ()) if last_words else None
        reason = f"{error.reason.rstrip('.')}: {finding.cause}." if finding else error.reason
        return FrontburnerError(reason=reason, remedy=(finding.remedy if finding else "") or error.remedy)


def _renderer_check(name: str, trial: RendererTrial | FrontburnerError, request: CheckRequest, *, busy: bool) -> Check:
    if isinstance(trial, FrontburnerError):
        return Check(name=name, grade=Grade.FAILS, reason=trial.reason, remedy=trial.remedy)
    if trial.error:
        absent = (trial.error.absent or not trial.tried) and name not in request.renderers
        grade = Grade.ABSENT if absent else Grade.FAILS
        return Check(name=name, grade=grade, reason=trial.error.reason, remedy=trial.error.remedy)
    value = ", ".join([*trial.builds, *_speed_texts(trial, measured=request.measure, busy=busy)])
    failed = next((each.verdict for each in trial.tried if not each.verdict.ok), None)
    if failed:
        return Check(name=name, grade=Grade.NOTE, value=value, reason=failed.reason, remedy=failed.remedy)
    return Check(name=name, value=value)


def _speed_texts(trial: RendererTrial, *, measured: bool, busy: bool) -> Iterator[str]:
    """Say how fast its best build is, or why that wasn't measured."""
    best = next((each.verdict for each in trial.tried if each.verdict.ok), None)
    if best is None:
        return
    yield f"tried in {best.seconds:.1f} s"
    if best.samples_per_s:
        yield f"{best.samples_per_s / 1e6:.2f} million samples/s"
    elif measured and busy:
        yield "speed not measured, as the node renders"


def _check_scene_in_process(
    process: RendererProcess | None, scene: str, builds: Mapping[str, tuple[str, ...]]
) -> tuple[Check, str]:
    if process is None:
        return Check(name="scene", grade=Grade.FAILS, reason="It wasn't read: no folder can be written."), ""
    try:
        return process.call(check_scene, scene, builds, timeout_s=RENDERER_TIMEOUT_S)
    except FrontburnerError as error:
        return Check(name="scene", grade=Grade.FAILS, reason=error.reason, remedy=error.remedy), ""


def _renderer_of(scene: str) -> str:
    """Name of a scene's renderer; empty if none reads it."""
    try:
        return renderer_for(scene)
    except ValueError:
        return ""


def _unreadable(path: Path) -> Check | None:
    closed = places.read_fault(path)
    if closed:
        return _scene_fails(f"The scene can't be read: {closed.cause}.", closed.remedy)
    if not path.is_file():
        existing = next(parent for parent in path.parents if parent.is_dir())
        missing = f"The scene {path} isn't there: of its path this machine has only {existing}."
        return _scene_fails(missing, "Mount the drive it is on at the same place on every machine, or copy it there.")
    return (
        None
        if os.access(path, os.R_OK)
        else _scene_fails(f"The scene {path} can't be read.", "Give read access to it.")
    )


def _scene_fails(reason: str, remedy: str) -> Check:
    return Check(name="scene", grade=Grade.FAILS, reason=reason, remedy=remedy)
