"""On what conditions a scheduled run renders: not when it comes too late, or, if wanted, when nothing changed."""

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
from tasks.scene.manifest import Manifest, differences

if TYPE_CHECKING:
    from datetime import datetime

    from frontburner.jobs.job import RenderJob
    from storage.objects import ObjectStore

HOUR_S = 3600.0


class Conditions(BaseModel):
    """On what conditions a scheduled run renders."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    late_h: float = Field(
        default=6.0,
        ge=0,
        description="Hours after its time a run still begins, where the machine was off; later it is skipped.",
    )
    if_changed: bool = Field(
        default=False, description="Skip a run where no file of the scene changed since the job was last completed."
    )

    def skips(self, job: RenderJob, store: ObjectStore, *, due: datetime | None, now: datetime) -> str:
        """Say why a run is skipped; empty where it isn't.

        Parameters
        ----------
        due
            When it should have begun; None where nobody set a time.
        """
        late_s = (now - due).total_seconds() if due else 0.0
        if late_s > self.late_h * HOUR_S:
            return f"it was due {format_span(late_s)} ago, and may begin {self.late_h:g} h late at most"
        if self.if_changed and unchanged(job, store):
            return "the scene is the same as when the job was last completed"
        return ""


def note_scene(job: RenderJob, store: ObjectStore, manifest: Manifest) -> None:
    """Keep what the scene was when a job was completed."""
    manifest.save(store)
    store.write(_key(job), json.dumps({"manifest": manifest.digest, "frames": _frames(job)}).encode())


def unchanged(job: RenderJob, store: ObjectStore) -> bool:
    """Whether the scene's files are those of the last completed run, and its pictures in place. False if in doubt."""
    try:
        noted = json.loads(store.read(_key(job)))
        manifest = Manifest.load(store, noted["manifest"])
        same = noted["frames"] == _frames(job) and not differences(manifest.files)
    except (MissingObject, FrontburnerError, ValueError, KeyError, TypeError):
        return False
    return same and _in_place(job, store)


def _in_place(job: RenderJob, store: ObjectStore) -> bool:
    written = status_of(store, job.job_id).written
    there = {store.locate(key) for key in store.list(job.title)}
    return bool(written) and all(output in there for outputs in written.values() for output in outputs)


def _frames(job: RenderJob) -> str:
    """Digest of the frames a job has, and of the values its keys file gives them."""
    frames = [canonical(scene) for scene in frame_scenes(job)]
    return hashlib.sha256(json.dumps(frames, sort_keys=True).encode()).hexdigest()


def _key(job: RenderJob) -> str:
    return f"{INTERNAL_PREFIX}/jobs/{job.job_id}/scene.json"
