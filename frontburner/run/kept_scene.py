"""A job's scene as it was when the job was given: for the next round of a run, and for the run that resumes it."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from frontburner.control.kept_scenes import kept_prefix, note_key
from storage.errors import MissingObject, StoreError
from storage.local import LocalStore
from storage.objects import open_store
from tasks.scene.frame_scenes import FrameScene
from tasks.scene.manifest import Manifest

if TYPE_CHECKING:
    from storage.objects import ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenScene:
    """A scene as it was given: its frames with their parameters, and the manifest of its files."""

    frames: tuple[FrameScene, ...]
    manifest: Manifest


@dataclass(slots=True, kw_only=True)
class KeptScene:
    """The scene of one job.

    Parameters
    ----------
    store, job_id
        The job, and its store.
    files
        Address of the store that has the scene's manifest, and its files where they were sent.
    resumed
        Whether this run resumes one that was suspended.
    """

    store: ObjectStore
    job_id: str
    files: str
    resumed: bool
    _given: GivenScene | None = field(init=False, default=None)

    @property
    def folder(self) -> str:
        """Folder that keeps files as they were; empty where the store isn't a folder."""
        return self.store.locate(kept_prefix(self.job_id)) if isinstance(self.store, LocalStore) else ""

    @property
    def of_this_run(self) -> bool:
        """Whether this run has opened the scene before."""
        return self._given is not None

    def recall(self) -> GivenScene | None:
        """Return the scene as this run, or the one that it resumes, was given it; None if it is to be opened anew."""
        if self._given is None and self.resumed:
            with suppress(MissingObject, ValueError, KeyError, TypeError):
                note = json.loads(self.store.read(note_key(self.job_id)))
                frames = tuple(
                    FrameScene(frame=frame, path=path, parameters=tuple((name, value) for name, value in parameters))
                    for frame, path, parameters in note["frames"]
                )
                return GivenScene(frames=frames, manifest=Manifest.load(open_store(self.files), note["manifest"]))
        return self._given

    def remember(self, given: GivenScene) -> None:
        """Remember what is rendered, for the next round and a run that resumes this one."""
        self._given = given
        frames = [[scene.frame, scene.path, scene.parameters] for scene in given.frames]
        note = {"manifest": given.manifest.digest, "frames": frames}
        with suppress(StoreError):  # then a run that resumes this one opens the scene anew
            self.store.write(note_key(self.job_id), json.dumps(note).encode())

    def remove(self) -> None:
        """Remove all of it: the job has ended."""
        with suppress(StoreError):
            self.store.delete(note_key(self.job_id))
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
            with suppress(OSError):
                Path(self.folder).parent.rmdir()  # if no other job keeps any
