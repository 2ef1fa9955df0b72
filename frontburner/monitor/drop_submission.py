"""The reception: where scenes that are dropped on the page are kept, and who has their jobs rendered."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from frontburner.control.background_run import launch
from frontburner.control.intake import check_job, with_absolute_paths
from frontburner.jobs.job import make_job
from frontburner.manager.local_farm import use_local_farm
from frontburner.monitor.uploads import Uploads
from frontburner.retention.dropped_scenes import SUBMITTED_FOLDER
from frontburner.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from frontburner.control.background_run import BackgroundRun
    from frontburner.jobs.job import RenderJob

LOOK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A job that was asked for.

    Parameters
    ----------
    said
        What is to be said of it until it is there.
    fails
        Waits, and comes to the sentence that says why it couldn't begin; empty if it could.
    """

    job_id: str
    said: str
    fails: Callable[[], Awaitable[str]] | None = None


class DropHandler(Protocol):
    """Takes scenes, and has them rendered."""

    @property
    def uploads(self) -> Uploads | None:
        """Scenes that are on their way; None where none are taken."""
        ...

    @property
    def why_not(self) -> str:
        """Why none are taken."""
        ...

    def out(self, scene: str) -> str:
        """Where the pictures of a scene that is kept under this name go, unless a job says otherwise."""
        ...

    def check(self, document: dict[str, Any]) -> RenderJob:
        """Make a job of its document, and prove what can be proved of it. Raises `FrontburnerError`."""
        ...

    async def submit(self, document: dict[str, Any], by: str) -> Begun:
        """Have a job rendered that was checked. Raises `FrontburnerError`."""
        ...


@dataclass(slots=True, kw_only=True)
class LocalDropHandler:
    """Whoever reaches the page is at home: scenes are kept in `FRONTBURNER_HOME`, rendered as from Python.

    Parameters
    ----------
    store
        Where all pictures go; empty is a folder for each scene.
    """

    store: str = ""
    uploads: Uploads | None = field(init=False)
    why_not: str = field(init=False, default="")

    def __post_init__(self) -> None:
        settings = Settings()
        place = settings.home.expanduser().absolute() / SUBMITTED_FOLDER
        self.uploads = Uploads(place=place, most_bytes=settings.upload)

    def out(self, scene: str) -> str:
        """Where pictures go."""
        return self.store or str(Path("renders").absolute() / scene)

    def check(self, document: dict[str, Any]) -> RenderJob:
        """Make a job, and prove it."""
        job = make_job(document)
        use_local_farm()
        check_job(job)
        return job

    async def submit(self, document: dict[str, Any], by: str) -> Begun:  # noqa: ARG002 - there is nobody else here
        """Have a job rendered by a process of its own, which goes on when the monitor ends."""
        job = with_absolute_paths(make_job(document))
        started = await asyncio.to_thread(launch, job)
        said = "Its process starts on this machine; it is shown here within moments."
        return Begun(job_id=job.job_id, said=said, fails=lambda: _end_of(started))


async def _end_of(started: BackgroundRun) -> str:
    while not started.ended:
        await asyncio.sleep(LOOK_EVERY_S)
    return f"It couldn't begin: {started.log_tail()} Its log: {started.log}" if started.process.returncode else ""
