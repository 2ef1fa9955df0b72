"""Jobs from people who may only submit: confined to the farm's scene and picture locations, rendered by Prefect."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from frontburner.jobs.job import JobRefused, RenderJob, make_job
from frontburner.jobs.scenes import frame_scenes
from frontburner.monitor.drop_handler import SubmittedJob
from frontburner.monitor.uploads import Uploads
from frontburner.retention.dropped_scenes import SUBMITTED_FOLDER, mark_requested
from storage.errors import FrontburnerError
from system import paths

if TYPE_CHECKING:
    from collections.abc import Sequence

DEPLOYMENT = "render/still"
TIMEOUT_S = 30.0


@dataclass(kw_only=True, eq=False)
class SubmitFailed(FrontburnerError):
    """Prefect didn't accept a valid job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedLocations:
    """Where scenes of submitted jobs may be, and where their pictures may go.

    Parameters
    ----------
    scenes
        Folders of the manager.
    pictures
        Folders of the manager, or ``s3://bucket/prefix``.
    scripts
        Whether scripts in their scenes may run.
    """

    scenes: Sequence[str]
    pictures: Sequence[str]
    scripts: bool = False

    def confine(self, job: RenderJob) -> RenderJob:
        """Return a job with the absolute paths of its scene and output, links and ``..`` resolved.

        Raises
        ------
        JobRefused
            When either is outside the allowed locations, or it allows scripts, which the farm doesn't.
        """
        if job.allow_scripts and not self.scripts:
            raise _refused(
                "allow_scripts: this farm runs no scripts of submitters' scenes. Leave it out, or set "
                "FRONTBURNER_SUBMITTED_SCRIPTS=yes on the manager."
            )
        scene = _resolve(job.scene, self.scenes, "scene", "FRONTBURNER_SCENES")
        out = self.pictures[0] if "out" not in job.model_fields_set and self.pictures else job.out
        if "://" in out:
            _check_url(out, [location for location in self.pictures if "://" in location])
        else:
            folders = [location for location in self.pictures if "://" not in location]
            out = _resolve(out, folders, "out", "FRONTBURNER_PICTURES")
        return job.model_copy(update={"scene": scene, "out": out})


async def submit_job(
    document: dict[str, Any], by: str, *, locations: AllowedLocations, client: httpx.AsyncClient
) -> dict[str, str]:
    """Check a job document and run it as a deployment; returns the ids of the job and the flow run.

    Parameters
    ----------
    by
        Who submits it.
    client
        Client of the Prefect server.

    Raises
    ------
    FrontburnerError
        When the document is refused, or Prefect doesn't accept it.
    """
    job = locations.confine(make_job(document))
    mark_requested(job.scene)
    fields = job.model_dump(mode="json", include=job.model_fields_set | {"scene", "out"})
    try:
        deployment = await client.get(f"/api/deployments/name/{DEPLOYMENT}", timeout=TIMEOUT_S)
        deployment.raise_for_status()
        run = await client.post(
            f"/api/deployments/{deployment.json()['id']}/create_flow_run",
            json={"parameters": {"job": fields}, "tags": [f"by:{by}"], "state": {"type": "SCHEDULED"}},
            timeout=TIMEOUT_S,
        )
        run.raise_for_status()
    except (httpx.HTTPError, ValueError, LookupError) as error:
        raise SubmitFailed(
            reason=f"Prefect didn't accept the job: {type(error).__name__}.",
            remedy=f"Check that its server runs and has the deployment {DEPLOYMENT} (prefect deploy --all).",
            retryable=True,
        ) from None
    return {"job": job.job_id, "flow_run": run.json()["id"]}


@dataclass(slots=True, kw_only=True)
class GatewayDropHandler:
    """Handles scenes that are dropped on the monitor's page by those who may submit.

    Parameters
    ----------
    locations
        The scenes are stored in the first of its scene folders.
    prefect
        Address of the Prefect server, on loopback.
    max_bytes
        Maximum size of a scene.
    """

    locations: AllowedLocations
    prefect: str
    max_bytes: int
    uploads: Uploads | None = field(init=False, default=None)
    why_not: str = field(init=False, default="")

    def __post_init__(self) -> None:
        if self.locations.scenes and self.locations.pictures:
            folder = Path(self.locations.scenes[0]).expanduser().resolve() / SUBMITTED_FOLDER
            self.uploads = Uploads(folder=folder, max_bytes=self.max_bytes)
        else:
            self.why_not = (
                "This farm doesn't accept scenes from people yet. Set the folders of scenes and of pictures on the "
                "manager: FRONTBURNER_SCENES and FRONTBURNER_PICTURES."
            )

    def out(self, scene: str) -> str:
        """Return where a scene's pictures go: a folder of its own."""
        return f"{self.locations.pictures[0].rstrip('/')}/{scene}" if self.locations.pictures else ""

    def check(self, document: dict[str, Any]) -> RenderJob:
        """Return the job of a document, confined to the allowed locations."""
        job = self.locations.confine(make_job(document))
        frame_scenes(job)
        return job

    async def submit(self, document: dict[str, Any], by: str) -> SubmittedJob:
        """Submit a job to the deployment."""
        async with httpx.AsyncClient(base_url=self.prefect, trust_env=False) as client:
            ids = await submit_job(document, by, locations=self.locations, client=client)
        message = "Prefect has the run: a worker of the farm starts it within moments."
        return SubmittedJob(job_id=ids["job"], message=message)


def _resolve(path: str, folders: Sequence[str], field: str, variable: str) -> str:
    if not folders:
        raise _refused(f"{field}: this farm accepts none from submitters yet. Set {variable} on the manager.")
    path = paths.here(path)
    try:
        for folder in folders:
            root = Path(folder).expanduser().resolve()
            resolved = (root / Path(path)).resolve()
            if resolved.is_relative_to(root):
                return str(resolved)
    except (ValueError, OSError, RuntimeError):
        raise _refused(f"{field}: {path[:200]!r}: isn't a valid path.") from None
    raise _refused(f"{field}: {path[:200]!r}: lies outside of {', '.join(folders)}.")


def _check_url(url: str, locations: Sequence[str]) -> None:
    parts = url.partition("://")[2].split("/")
    is_plain = url.isprintable() and not any(part in (".", "..") for part in parts)
    if is_plain and any(url == location or url.startswith(f"{location.rstrip('/')}/") for location in locations):
        return
    raise _refused(f"out: {url[:200]!r}: lies outside of {', '.join(locations) or 'what this farm allows'}.")


def _refused(problem: str) -> JobRefused:
    return JobRefused(reason="The job was refused before anything started:", remedy="", problems=(problem,))
