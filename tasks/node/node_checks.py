"""Check a machine: what it has, every renderer by rendering, and what it reaches of a job.

Renderers are tried in a process of this check's own, so that nothing that was loaded or found before is believed, and
what crashes does no harm. It gives way to a unit that is rendered meanwhile.
"""

from __future__ import annotations

import os
import socket
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from storage.errors import FrontburnerError
from tasks.errors import NodeNotReady
from tasks.node.machine_checks import machine_checks
from tasks.node.readiness import Check, Grade, Readiness
from tasks.node.renderer_process import RendererProcess
from tasks.node.store_checks import renderer_of, scene_check, store_check
from tasks.node.versions import versions
from tasks.renderers import RENDERERS, renderer
from tasks.renderers.diagnosis import Ending, places, why
from tasks.renderers.trial import watched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.renderers.trial import Tried

RENDERER_S = 900.0
_REHEARSAL = "null"
_GIVES_WAY = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeInquiry:
    """What is to be checked.

    Parameters
    ----------
    renderers
        Names of those that must work; empty is all there are, of which some may not be installed.
    store_url, beacon
        A job's store, and the key of an object that is there.
    scene
        Path of a scene.
    afresh, measure
        Whether to believe no earlier trial, and to measure speeds.
    """

    renderers: tuple[str, ...] = ()
    store_url: str = ""
    beacon: str = ""
    scene: str = ""
    afresh: bool = True
    measure: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the renderers to try, that of the scene among them."""
        names = self.renderers or tuple(name for name in RENDERERS if name != _REHEARSAL)
        return tuple(dict.fromkeys([*names, *filter(None, [renderer_of(self.scene) if self.scene else ""])]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What trying a renderer came to."""

    builds: tuple[str, ...] = ()
    error: NodeNotReady | None = None
    tried: tuple[Tried, ...] = ()


def checkup(inquiry: NodeInquiry, *, node: str, threads: int, logs: Path, busy: bool = False) -> Readiness:
    """Check this machine.

    Parameters
    ----------
    node
        Its name, or the node's.
    threads, logs
        With how many threads it renders, and where it keeps its logs.
    busy
        Whether it renders something, so that its speed can't be measured.
    """
    checks, scene = machine_checks(threads=threads, logs=logs), ""
    builds: dict[str, tuple[str, ...]] = {}
    speeds: dict[str, float] = {}
    with _process(node, logs) as process:
        for name in inquiry.names:
            attempt = _attempt(process, name, afresh=inquiry.afresh, measure=inquiry.measure and not busy)
            checks.append(_renderer_check(name, attempt, inquiry, busy=busy))
            builds[name] = attempt.builds if isinstance(attempt, Attempt) else ()
            if speed := _speed(attempt):
                speeds[name] = speed
        if inquiry.scene:
            check, scene = _scene(process, inquiry.scene, builds)
            checks.append(check)
    if inquiry.store_url:
        checks.append(store_check(inquiry.store_url, beacon=inquiry.beacon))
    return Readiness(
        node=node, host=socket.gethostname(), checks=tuple(checks), builds={n: b for n, b in builds.items() if b},
        speeds=speeds, versions=versions(), scene=scene,
    )  # fmt: skip


def scene_here(scene: str, *, logs: Path) -> str:
    """Digest of a scene on this machine; empty where it can't be read."""
    name = renderer_of(scene)
    with _process("here", logs) as process:
        found = _attempt(process, name, afresh=False, measure=False) if name else None
        builds = {name: found.builds} if isinstance(found, Attempt) else {}
        return _scene(process, scene, builds)[1]


def attempt(name: str, *, afresh: bool, measure: bool) -> Attempt:
    """Try a renderer, in a process of its own."""
    if hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, 0, max(_GIVES_WAY, os.getpriority(os.PRIO_PROCESS, 0)))
    with watched(afresh=afresh, measure=measure) as notes:
        try:
            builds = renderer(name).builds()
        except NodeNotReady as error:
            return Attempt(error=error, tried=tuple(notes))
        return Attempt(builds=builds, tried=tuple(notes))


@contextmanager
def _process(node: str, logs: Path) -> Iterator[RendererProcess | None]:
    """Process for renderers; None where it can keep no log, since there is no room or right to write at all."""
    for folder in (logs, Path(tempfile.gettempdir()) / f"frontburner-check-{places.user()}"):
        try:
            process = RendererProcess(node=node, threads=1, logs=folder)
        except OSError:
            continue
        with process:
            yield process
        return
    yield None


def _attempt(process: RendererProcess | None, name: str, *, afresh: bool, measure: bool) -> Attempt | FrontburnerError:
    if process is None:
        return FrontburnerError(reason="It wasn't tried: no folder can be written.", remedy="See above.")
    try:
        return process.call(_tries, name, afresh, measure, timeout_s=RENDERER_S, name=name)
    except FrontburnerError as error:
        words = getattr(error, "last_words", "")
        finding = why(Ending(code=1, said=words), ()) if words else None
        reason = f"{error.reason.rstrip('.')}: {finding.cause}." if finding else error.reason
        return FrontburnerError(reason=reason, remedy=(finding.remedy if finding else "") or error.remedy)


def _tries(name: str, afresh: bool, measure: bool) -> Attempt:  # noqa: FBT001 - called across a process border
    return attempt(name, afresh=afresh, measure=measure)


def _renderer_check(name: str, attempt: Attempt | FrontburnerError, inquiry: NodeInquiry, *, busy: bool) -> Check:
    if isinstance(attempt, FrontburnerError):
        return Check(name=name, grade=Grade.FAILS, reason=attempt.reason, remedy=attempt.remedy)
    failed = [one.verdict for one in attempt.tried if not one.verdict.ok]
    if attempt.error:
        absent = (attempt.error.absent or not attempt.tried) and name not in inquiry.renderers
        grade = Grade.ABSENT if absent else Grade.FAILS
        return Check(name=name, grade=grade, reason=attempt.error.reason, remedy=attempt.error.remedy)
    value = ", ".join([*attempt.builds, *_pace(attempt, measured=inquiry.measure, busy=busy)])
    if failed:
        return Check(name=name, grade=Grade.NOTE, value=value, reason=failed[0].reason, remedy=failed[0].remedy)
    return Check(name=name, value=value)


def _pace(attempt: Attempt, *, measured: bool, busy: bool) -> Iterator[str]:
    """Say how fast its best build is, or why that wasn't measured."""
    best = next((one.verdict for one in attempt.tried if one.verdict.ok), None)
    if best is None:
        return
    yield f"tried in {best.seconds:.1f} s"
    if best.samples_per_s:
        yield f"{best.samples_per_s / 1e6:.2f} million samples/s"
    elif measured and busy:
        yield "speed not measured, as the node renders"


def _speed(attempt: Attempt | FrontburnerError) -> float | None:
    if isinstance(attempt, FrontburnerError):
        return None
    return next((one.verdict.samples_per_s for one in attempt.tried if one.verdict.ok), None)


def _scene(process: RendererProcess | None, scene: str, builds: dict[str, tuple[str, ...]]) -> tuple[Check, str]:
    if process is None:
        return Check(name="scene", grade=Grade.FAILS, reason="It wasn't read: no folder can be written."), ""
    try:
        return process.call(scene_check, scene, builds, timeout_s=RENDERER_S)
    except FrontburnerError as error:
        return Check(name="scene", grade=Grade.FAILS, reason=error.reason, remedy=error.remedy), ""
