"""The files of a job's scene: their paths and digests, so that they can be compared on another machine."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from storage.objects import INTERNAL_PREFIX
from system import paths
from tasks.content_digests import file_sha256
from tasks.errors import SceneError
from tasks.identity import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from storage.objects import ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class SceneFile:
    """A file of a scene.

    Parameters
    ----------
    path
        Its absolute path on the machine where the scene was opened.
    sha256
        Of its content.
    """

    path: str
    size_bytes: int
    sha256: str

    @property
    def place(self) -> Path:
        """Where this machine has it, if it does: a path of another system leads there by the farm's mappings."""
        return Path(paths.here(self.path))

    def difference(self) -> str:
        """Say what is different at its path on this machine; empty if it is the same."""
        path = self.place
        try:
            size_bytes = path.stat().st_size
            if size_bytes != self.size_bytes:
                return f"{path} has {size_bytes} bytes here, not {self.size_bytes}."
            return "" if file_sha256(path) == self.sha256 else f"{path} holds something else here."
        except (FileNotFoundError, NotADirectoryError):
            return f"{path} isn't there."
        except OSError as error:
            return f"{path} can't be read: {error.strerror}."


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """All files of a job's scene, over all its frames.

    Parameters
    ----------
    common
        Files that every frame needs.
    own
        Besides those, the files of a frame; left out for frames that have none.
    """

    common: tuple[SceneFile, ...]
    own: tuple[tuple[int, tuple[SceneFile, ...]], ...] = ()

    def of_frame(self, frame: int) -> tuple[SceneFile, ...]:
        """Files that one frame needs."""
        return self.common + self._own.get(frame, ())

    @cached_property
    def files(self) -> tuple[SceneFile, ...]:
        """All files, each once."""
        return tuple(dict.fromkeys([*self.common, *(file for _, files in self.own for file in files)]))

    @cached_property
    def contents(self) -> tuple[SceneFile, ...]:
        """One file for each content."""
        return tuple({file.sha256: file for file in self.files}.values())

    @cached_property
    def digest(self) -> str:
        """SHA-256 of its text."""
        return hashlib.sha256(self._text.encode()).hexdigest()

    @cached_property
    def _own(self) -> Mapping[int, tuple[SceneFile, ...]]:
        return dict(self.own)

    @cached_property
    def _text(self) -> str:
        return json.dumps(canonical(self), sort_keys=True, separators=(",", ":"))

    def save(self, store: ObjectStore) -> None:
        """Save it in a store, by its digest."""
        store.create(_key(self.digest), self._text.encode())

    @classmethod
    def load(cls, store: ObjectStore, digest: str) -> Manifest:
        """Load one that was saved. Raises `MissingObject`."""
        document = json.loads(store.read(_key(digest)))
        return cls(
            common=_files(document["common"]),
            own=tuple((frame, _files(files)) for frame, files in document["own"]),
        )


def manifest_of(frames: Mapping[int, Iterable[str]], scene: str) -> Manifest:
    """Make the manifest of the files of each frame.

    Raises
    ------
    SceneError
        When a file can't be read.
    """
    paths = {frame: frozenset(files) for frame, files in frames.items()}
    common = frozenset.intersection(*paths.values())
    files = {path: _file(path, scene) for path in sorted(frozenset.union(*paths.values()))}
    return Manifest(
        common=tuple(files[path] for path in sorted(common)),
        own=tuple(
            (frame, tuple(files[path] for path in sorted(needed - common)))
            for frame, needed in sorted(paths.items())
            if needed - common
        ),
    )


def first_difference(files: Iterable[SceneFile]) -> str:
    """Return the first difference on this machine; empty if all files are the same at their paths."""
    return next(filter(None, (file.difference() for file in files)), "")


def first_conflict(files: Iterable[SceneFile]) -> str:
    """Return the first difference of the files that exist on this machine; empty if they are the same."""
    return first_difference(file for file in files if file.place.is_file())


def _file(path: str, scene: str) -> SceneFile:
    try:
        place = Path(paths.here(path))
        return SceneFile(path=path, size_bytes=place.stat().st_size, sha256=file_sha256(place))
    except OSError as error:
        raise SceneError(
            reason=f"The file {path}, which the scene {Path(scene).name} needs, can't be read: {error.strerror}.",
            remedy="Put it in place, or correct its name in the scene.",
            scene=scene,
        ) from error


def _files(documents: Iterable[Mapping[str, object]]) -> tuple[SceneFile, ...]:
    return tuple(SceneFile(**document) for document in documents)  # type: ignore[arg-type]


def _key(digest: str) -> str:
    return f"{INTERNAL_PREFIX}/scenes/{digest}.json"
