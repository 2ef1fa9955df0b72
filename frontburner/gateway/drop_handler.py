"""Scenes that submitters drop on the monitor's page: kept where the farm allows, rendered by its Prefect deployment."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from frontburner.gateway.submit_policy import SubmitPolicy
from frontburner.jobs.job import make_job
from frontburner.jobs.scenes import frame_scenes
from frontburner.monitor.drop_submission import Begun
from frontburner.monitor.uploads import Uploads
from frontburner.retention.dropped_scenes import SUBMITTED

if TYPE_CHECKING:
    from frontburner.gateway.submit_policy import AllowedPlaces
    from frontburner.jobs.job import RenderJob


@dataclass(slots=True, kw_only=True)
class GatewayDropHandler:
    """Takes scenes from whoever may submit.

    Parameters
    ----------
    places
        Where scenes may lie, the first being where these are kept, and where pictures may go.
    prefect
        Address of the Prefect server, on loopback.
    most_bytes
        The most bytes of a scene.
    """

    places: AllowedPlaces
    prefect: str
    most_bytes: int
    uploads: Uploads | None = field(init=False, default=None)
    why_not: str = field(init=False, default="")

    def __post_init__(self) -> None:
        if self.places.scenes and self.places.pictures:
            place = Path(self.places.scenes[0]).expanduser().resolve() / SUBMITTED
            self.uploads = Uploads(place=place, most_bytes=self.most_bytes)
        else:
            self.why_not = (
                "This farm takes no scenes from people yet. Whoever runs it says where they and their pictures go: "
                "FRONTBURNER_SCENES and FRONTBURNER_PICTURES on the manager."
            )

    def out(self, scene: str) -> str:
        """Where pictures go: a folder of the scene's own."""
        return f"{self.places.pictures[0].rstrip('/')}/{scene}" if self.places.pictures else ""

    def check(self, document: dict[str, Any]) -> RenderJob:
        """Make a job, and see that it keeps to the places of the farm."""
        job = self.places.confine(make_job(document))
        frame_scenes(job)
        return job

    async def submit(self, document: dict[str, Any], by: str) -> Begun:
        """Give a job to the deployment."""
        async with httpx.AsyncClient(base_url=self.prefect, trust_env=False) as client:
            given = await SubmitPolicy(places=self.places, client=client).submit(document, by)
        return Begun(job_id=given["job"], said="Prefect has the run: a worker of the farm starts it within moments.")
