"""Where a store keeps the scene of a job as it was when the job was given; a job that is given anew has another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.objects import INTERNAL_PREFIX

if TYPE_CHECKING:
    from storage.objects import ObjectStore


def kept_prefix(job_id: str) -> str:
    """Return the folder of a job's files as they were."""
    return f"{INTERNAL_PREFIX}/kept/{job_id}"


def note_key(job_id: str) -> str:
    """Return the key of the note that says which files a job was given, by their manifest."""
    return f"{kept_prefix(job_id)}/scene.json"


def forget_given_scene(store: ObjectStore, job_id: str) -> None:
    """Have the next run of a job open its scene as it is then, also if the last one was suspended."""
    store.delete(note_key(job_id))
