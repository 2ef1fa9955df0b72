"""Conditions on which a scheduled run renders: not too late, and, if wanted, only when its scene has changed."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from frontburner.jobs.durations import format_span
from frontburner.jobs.scenes import frame_scenes
from frontburner.record.snapshot import status_of
from storage.errors import FrontburnerError, MissingObject
from storage.objects import INTERNAL_PREFIX
from tasks.identity import canonical
from tasks.scene.manifest import Manifest, first_difference

if TYPE_CHECKING:
    from datetime import datetime

    from frontburner.jobs.job import RenderJob
    from storage.objects import ObjectStore

HOUR_S = 3600.0


class Conditions(BaseModel):
    """Conditions on which a scheduled run renders."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    late_h: float = Field(
        default=6.0,
        ge=0,
        description="Hours after its time a run still starts, if the machine was off; later it is skipped.",
    )
    if_changed: bool = Field(
        default=False, description="Skip a run if no file of the scene changed since the job was last completed."
    )

    def why_skipped(self, job: RenderJob, store: ObjectStore, *, due: datetime | None, now: datetime) -> str:
        """Return why a run is skipped; empty if it isn't.

        Parameters
        ----------
        due
            When it should have started; None if it wasn't scheduled.
        """
        late_s = (now - due).total_seconds() if due else 0.0
        if late_s > self.late_h * HOUR_S:
            return f"it was due {format_span(late_s)} ago, and may start {self.late_h:g} h late at most"
        if self.if_changed and scene_unchanged(job, store):
            return "the scene is the same as when the job was last completed"
        return ""


def record_scene(job: RenderJob, store: ObjectStore, manifest: Manifest) -> None:
    """Record the scene of a job that was completed."""
    manifest.save(store)
    store.write(_key(job), json.dumps({"manifest": manifest.digest, "frames": _frames_digest(job)}).encode())


def scene_unchanged(job: RenderJob, store: ObjectStore) -> bool:
    """Whether the scene is that of the last completed run and its pictures are in place. False if in doubt."""
    try:
        recorded = json.loads(store.read(_key(job)))
        manifest = Manifest.load(store, recorded["manifest"])
        same = recorded["frames"] == _frames_digest(job) and not first_difference(manifest.files)
    except (MissingObject, FrontburnerError, ValueError, KeyError, TypeError):
        return False
    return same and _pictures_in_place(job, store)


def _pictures_in_place(job: RenderJob, store: ObjectStore) -> bool:
    written = status_of(store, job.job_id).written
    existing = {store.locate(key) for key in store.list(job.title)}
    return bool(written) and all(output in existing for outputs in written.values() for output in outputs)


def _frames_digest(job: RenderJob) -> str:
    """Return a digest of the frames of a job, and of the values its keys file gives them."""
    frames = [canonical(scene) for scene in frame_scenes(job)]
    return hashlib.sha256(json.dumps(frames, sort_keys=True).encode()).hexdigest()


def _key(job: RenderJob) -> str:
    return f"{INTERNAL_PREFIX}/jobs/{job.job_id}/scene.json"
