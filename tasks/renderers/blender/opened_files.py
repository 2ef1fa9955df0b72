"""The files of a scene that Blender has open: their contents when they were read, and the digest of each frame's."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tasks.content_digests import file_sha256, named_contents_digest
from tasks.errors import SceneError
from tasks.renderers.blender import imports, usd_files
from tasks.renderers.errors import files_missing
from tasks.renderers.scene_files import name_beside
from tasks.renderers.sent_scenes import is_sent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tasks.renderers.blender.imported_scene import ImportedScene

_USD = (".usd", ".usda", ".usdc", ".usdz")
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFiles:
    """The files of a frame, and the digest of their contents."""

    paths: tuple[str, ...]
    digest: str


class OpenedFiles:
    """The files of a scene as they were since Blender opened it.

    Parameters
    ----------
    scene
        The scene file.
    imported
        What was read in it, if it is to be imported.
    copies
        The folder that holds copies of it, which exists as long as this.
    """

    def __init__(
        self, scene: Path, imported: ImportedScene | None = None, copies: TemporaryDirectory[str] | None = None
    ) -> None:
        self.scene, self.imported, self._copies = scene, imported, copies
        self.content = str(next(_numbers))
        """Names this content: Blender opens the scene again when it is given another name."""
        self._known: dict[str, str] = {}
        self._layers: dict[str, list[str]] = {}
        self._states: dict[str, tuple[int, ...]] = {}
        """Size and time of each file when its content was last read."""
        self._names: dict[str, tuple[str, str]] = {}
        """Of each path, one text for all frames, and the name relative to the scene's folder."""

    @classmethod
    def of(cls, scene: Path) -> OpenedFiles:
        """Read what a scene refers to that is to be imported. Raises `SceneError`."""
        if scene.suffix.lower() not in imports.SUFFIXES:
            return cls(scene)
        folder = TemporaryDirectory(prefix="frontburner-")
        imported = imports.read(scene, Path(folder.name))
        opened = cls(scene, imported, folder)
        opened.of_frame(dict.fromkeys(map(str, imported.files), ""))
        return opened

    @property
    def source(self) -> str:
        """The file that Blender imports for it; empty for a file of its own."""
        return str(self.imported.source) if self.imported else ""

    def with_layers(self, files: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return files with what caches of USD among them are composed of. Raises `SceneError`."""
        found = dict(files)
        for path in [path for path in found if path.endswith(_USD) and os.path.isfile(path)]:  # noqa: PTH113 - of many
            if path not in self._layers:
                self._layers[path] = [str(layer) for layer in usd_files.composed_of(self.scene, Path(path))]
            found |= {layer: f"the cache {Path(path).name}" for layer in self._layers[path] if layer not in found}
        return list(found.items())

    def have_changed(self, files: Iterable[tuple[str, str]]) -> bool:
        """Whether one of these files had another content when it was first looked at. Raises `SceneError`."""
        changed = False
        for path, _ in files:
            if not self._is_as_it_was(path):
                sha256 = self._sha256(path)
                changed = self._known.setdefault(path, sha256) != sha256 or changed
        return changed

    def of_frame(self, files: Mapping[str, str]) -> FrameFiles:
        """Return the files of a frame.

        Parameters
        ----------
        files
            The path of each, and what refers to it.

        Raises
        ------
        FilesMissing
            When one doesn't exist.
        """
        contents = {path: self._known[path] if path in self._known else self._sha256(path) for path in files}
        self._known |= contents
        missing = {path: files[path] for path, sha256 in contents.items() if not sha256}
        if missing:
            remedy = "Put them in place, correct the paths, or pack them into the file (File > External Data)."
            raise files_missing(self.scene, missing, imports.missing_remedy(self.scene) if self.imported else remedy)
        named = sorted((self._name(path), sha256) for path, sha256 in contents.items())
        return FrameFiles(paths=tuple(self._names[path][0] for path in files), digest=named_contents_digest(named))

    def _is_as_it_was(self, path: str) -> bool:
        """Whether a file that is known has the same size and time as before; else they are noted."""
        try:
            stat = os.stat(path)  # noqa: PTH116 - of hundreds of files in each of a thousand frames
        except OSError:
            self._states.pop(path, None)
            return False
        state = stat.st_size, stat.st_mtime_ns, stat.st_ino
        if self._states.get(path) == state:
            return True
        self._states[path] = state
        return False

    def _name(self, path: str) -> str:
        if path not in self._names:
            self._names[path] = path, name_beside(Path(path), self.scene.parent)
        return self._names[path][1]

    def _sha256(self, path: str) -> str:
        """Return the SHA-256 of a file; empty if it doesn't exist."""
        try:
            return file_sha256(Path(path))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return ""
        except OSError as error:
            raise SceneError(
                reason=f"The file {path}, which the scene {self.scene.name} needs, can't be read: {error.strerror}.",
                remedy="Correct its permissions, or its name in the scene.",
                scene=str(self.scene),
            ) from error


def computed_files(described: Mapping[str, Any]) -> list[str]:
    """Return a sentence on files whose names are computed while they are rendered, if there are any."""
    nodes = described.get("computed")
    if not nodes:
        return []
    return [f"{_sentence(nodes)} computed while it renders: it isn't sent, and nobody notices when it changes."]


def require_known(scene: Path, described: Mapping[str, Any]) -> None:
    """Raise `SceneError` if linked data is gone from its library, or a sent scene needs files that nobody knows."""
    if described.get("lost"):
        raise SceneError(
            reason=f"The scene {scene.name} links what its libraries don't have any more: "
            f"{'; '.join(described['lost'])}.",
            remedy="Rename it in the library as it was, or link it again in Blender and save.",
            scene=str(scene),
        )
    if described.get("computed") and is_sent(scene):
        raise SceneError(
            reason=f"The scene {scene.name} can't be sent. {_sentence(described['computed'])} computed while it "
            "renders.",
            remedy="Name the file in the node itself, or put the scene on a share that all nodes see (travel: no).",
            scene=str(scene),
        )


def _sentence(nodes: Sequence[str]) -> str:
    return f"Which file is imported by {' and '.join(nodes)} is"
