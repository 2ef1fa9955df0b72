"""Jobs from people who may only submit: checked as documents, and kept to the scenes and places a farm allows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from frontburner.jobs.job import JobRefused, RenderJob, make_job
from frontburner.retention.dropped_scenes import want
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Sequence

DEPLOYMENT = "render/still"
ANSWER_S = 30.0


@dataclass(kw_only=True, eq=False)
class NotSubmitted(FrontburnerError):
    """A job that was right, and still couldn't be given to Prefect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedPlaces:
    """Where scenes of submitted jobs may lie, and where their pictures may go.

    Parameters
    ----------
    scenes
        Folders of the manager.
    pictures
        Folders of the manager, or ``s3://bucket/prefix``.
    """

    scenes: Sequence[str]
    pictures: Sequence[str]

    def confine(self, job: RenderJob) -> RenderJob:
        """Return a job with its scene and place as the manager has them.

        Raises
        ------
        JobRefused
            When either lies elsewhere. Links and steps up are followed first.
        """
        scene = _inside(job.scene, self.scenes, "scene", "FRONTBURNER_SCENES")
        pictures = self.pictures[0] if "out" not in job.model_fields_set and self.pictures else job.out
        if "://" not in pictures:
            out = _inside(
                pictures, [place for place in self.pictures if "://" not in place], "out", "FRONTBURNER_PICTURES"
            )
        else:
            out = _below(pictures, [place for place in self.pictures if "://" in place])
        return job.model_copy(update={"scene": scene, "out": out})


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitPolicy:
    """Gives jobs to the deployment of a Prefect server.

    Parameters
    ----------
    client
        Reaches the server.
    """

    places: AllowedPlaces
    client: httpx.AsyncClient

    async def submit(self, document: dict[str, Any], by: str) -> dict[str, str]:
        """Check a job document and have it rendered; returns what the run and the job are called.

        Raises
        ------
        FrontburnerError
            When the document is refused, or Prefect doesn't take it.
        """
        job = self.places.confine(make_job(document))
        want(job.scene)
        fields = job.model_dump(mode="json", include=job.model_fields_set | {"scene", "out"})
        try:
            found = await self.client.get(f"/api/deployments/name/{DEPLOYMENT}", timeout=ANSWER_S)
            found.raise_for_status()
            made = await self.client.post(
                f"/api/deployments/{found.json()['id']}/create_flow_run",
                json={"parameters": {"job": fields}, "tags": [f"by:{by}"], "state": {"type": "SCHEDULED"}},
                timeout=ANSWER_S,
            )
            made.raise_for_status()
        except (httpx.HTTPError, ValueError, LookupError) as error:
            raise NotSubmitted(
                reason=f"Prefect didn't take the job: {type(error).__name__}.",
                remedy=f"See whether its server runs and has the deployment {DEPLOYMENT} (prefect deploy --all).",
                retryable=True,
            ) from None
        return {"job": job.job_id, "flow_run": made.json()["id"]}


def _inside(path: str, folders: Sequence[str], field: str, variable: str) -> str:
    if not folders:
        raise _refused(f"{field}: this farm takes none from its submitters yet. Set {variable} on the manager.")
    try:
        for folder in folders:
            root = Path(folder).expanduser().resolve()
            found = (root / Path(path)).resolve()
            if found.is_relative_to(root):
                return str(found)
    except (ValueError, OSError, RuntimeError):
        raise _refused(f"{field}: {path[:200]!r}: can't be a path.") from None
    raise _refused(f"{field}: {path[:200]!r}: lies outside of {', '.join(folders)}.")


def _below(url: str, places: Sequence[str]) -> str:
    parts = url.partition("://")[2].split("/")
    if not any(part in (".", "..") for part in parts) and url.isprintable():
        for place in places:
            if url == place or url.startswith(f"{place.rstrip('/')}/"):
                return url
    raise _refused(f"out: {url[:200]!r}: lies outside of {', '.join(places) or 'what this farm allows'}.")


def _refused(problem: str) -> JobRefused:
    return JobRefused(reason="The job was refused before anything started:", remedy="", problems=(problem,))
