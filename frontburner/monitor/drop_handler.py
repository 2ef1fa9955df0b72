"""Handlers of scenes that are dropped on the page: where the files are kept, and how their jobs are submitted."""

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

POLL_INTERVAL_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedJob:
    """A job that was submitted.

    Parameters
    ----------
    message
        Shown for the job until its record exists.
    failure
        Waits for the job to start, and returns why it couldn't; empty if it could.
    """

    job_id: str
    message: str
    failure: Callable[[], Awaitable[str]] | None = None


class DropHandler(Protocol):
    """Accepts scenes, and has them rendered."""

    @property
    def uploads(self) -> Uploads | None:
        """Uploads in progress; None if no scenes are accepted."""
        ...

    @property
    def why_not(self) -> str:
        """Why no scenes are accepted."""
        ...

    def out(self, scene: str) -> str:
        """Where the pictures of a scene go that is kept under this name, unless the job says otherwise."""
        ...

    def check(self, document: dict[str, Any]) -> RenderJob:
        """Make a job of its document, and check what can be checked. Raises `FrontburnerError`."""
        ...

    async def submit(self, document: dict[str, Any], by: str) -> SubmittedJob:
        """Submit a job that was checked. Raises `FrontburnerError`."""
        ...


@dataclass(slots=True, kw_only=True)
class LocalDropHandler:
    """Accepts scenes from everyone: they are kept in `FRONTBURNER_HOME`, and rendered as by the Python API.

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
        folder = settings.home.expanduser().absolute() / SUBMITTED_FOLDER
        self.uploads = Uploads(folder=folder, max_bytes=settings.upload)

    def out(self, scene: str) -> str:
        """Where pictures go."""
        return self.store or str(Path("renders").absolute() / scene)

    def check(self, document: dict[str, Any]) -> RenderJob:
        """Make a job, and check it."""
        job = make_job(document)
        use_local_farm()
        check_job(job)
        return job

    async def submit(self, document: dict[str, Any], by: str) -> SubmittedJob:  # noqa: ARG002 - there is one user
        """Render a job in a process of its own, which goes on when the monitor ends."""
        job = with_absolute_paths(make_job(document))
        process = await asyncio.to_thread(launch, job)
        message = "Its process starts on this machine; it is shown here within moments."
        return SubmittedJob(job_id=job.job_id, message=message, failure=lambda: _failure(process))


async def _failure(run: BackgroundRun) -> str:
    while not run.ended:
        await asyncio.sleep(POLL_INTERVAL_S)
    return f"It couldn't start: {run.log_tail()} Its log: {run.log}" if run.process.returncode else ""
