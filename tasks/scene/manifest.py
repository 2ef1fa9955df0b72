"""The files of a job's scene: what they hold and where they lay, so that they can be found to be the same elsewhere."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from storage.objects import INTERNAL_PREFIX
from tasks.content_digests import content_of
from tasks.errors import SceneError
from tasks.identity import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from storage.objects import ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class SceneFile:
    """A file that a scene consists of.

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

    def difference(self) -> str:
        """Say what is different at its path on this machine; empty if it is the same there."""
        path = Path(self.path)
        try:
            size_bytes = path.stat().st_size
            if size_bytes != self.size_bytes:
                return f"{path} has {size_bytes} bytes here, not {self.size_bytes}."
            return "" if content_of(path) == self.sha256 else f"{path} holds something else here."
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
        """Files of all contents, one for each."""
        return tuple({file.sha256: file for file in self.files}.values())

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what it says."""
        return hashlib.sha256(self._text.encode()).hexdigest()

    @cached_property
    def _own(self) -> Mapping[int, tuple[SceneFile, ...]]:
        return dict(self.own)

    @cached_property
    def _text(self) -> str:
        return json.dumps(canonical(self), sort_keys=True, separators=(",", ":"))

    def save(self, store: ObjectStore) -> None:
        """Keep it in a store, by its digest."""
        store.create(_key(self.digest), self._text.encode())

    @classmethod
    def load(cls, store: ObjectStore, digest: str) -> Manifest:
        """Read one that was kept. Raises `MissingObject`."""
        document = json.loads(store.read(_key(digest)))
        return cls(
            common=_files(document["common"]),
            own=tuple((frame, _files(files)) for frame, files in document["own"]),
        )


def manifest_of(frames: Mapping[int, Iterable[str]], scene: str) -> Manifest:
    """Look at the files of each frame.

    Raises
    ------
    SceneError
        When one can't be read.
    """
    sets = {frame: frozenset(files) for frame, files in frames.items()}
    common = frozenset.intersection(*sets.values())
    known = {path: _file(path, scene) for path in sorted(frozenset.union(*sets.values()))}
    return Manifest(
        common=tuple(known[path] for path in sorted(common)),
        own=tuple(
            (frame, tuple(known[path] for path in sorted(files - common)))
            for frame, files in sorted(sets.items())
            if files - common
        ),
    )


def differences(files: Iterable[SceneFile]) -> str:
    """Say what is different first on this machine; empty if all files are the same at their paths."""
    return next(filter(None, (file.difference() for file in files)), "")


def conflicts(files: Iterable[SceneFile]) -> str:
    """Say what is different first of the files that this machine has; empty if they are the same."""
    return differences(file for file in files if Path(file.path).is_file())


def _file(path: str, scene: str) -> SceneFile:
    try:
        return SceneFile(path=path, size_bytes=Path(path).stat().st_size, sha256=content_of(Path(path)))
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
