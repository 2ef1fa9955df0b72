"""Scenes whose simulations are baked into a copy, which nodes open instead of the scene itself."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from storage.file_store import FileStore
from storage.objects import INTERNAL_PREFIX
from tasks.content_digests import file_sha256
from tasks.renderers import renderer
from tasks.scene.manifest import Manifest, SceneFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from storage.objects import ObjectStore
    from tasks.renderers.base import Baker
    from tasks.scene.frame_scenes import FrameScene

BAKE_VERSION = 1
"""Of the procedure: another one means that frames of baked simulations look different, and are rendered again."""
FILES_FOLDER = "files"
"""What a baked copy needs besides itself, in the folder of a bake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BakeOrder:
    """A scene file to bake.

    Parameters
    ----------
    renderer, build
        Bakes it.
    scene
        The file, with the parameters it is baked with. Its frame is the first one that is rendered of it.
    digest
        Of the scene's content.
    through
        The last frame that is needed.
    allow_scripts
        Whether scripts in the scene may run.
    """

    renderer: str
    build: str
    scene: FrameScene
    digest: str
    through: int
    allow_scripts: bool = False

    @property
    def prefix(self) -> str:
        """Under which its results are kept in a store: of the same scene, whatever frames are needed."""
        parts = [BAKE_VERSION, self.renderer, self.build, self.digest, self.scene.parameters, self.allow_scripts]
        digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
        return f"{INTERNAL_PREFIX}/scenes/baked/{digest}/"


@dataclass(frozen=True, slots=True, kw_only=True)
class BakedScene:
    """What is rendered instead of a scene whose simulations aren't baked.

    Parameters
    ----------
    manifest
        Digest of the manifest of its files.
    digests
        Of the content of each frame.
    """

    manifest: str
    digests: Mapping[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class BakedCopy:
    """The files of a scene's baked copy, which are in the store.

    Parameters
    ----------
    files
        The copy itself, at the scene's own path, and what else belongs to it.
    """

    files: tuple[SceneFile, ...]

    def save(self, store: ObjectStore, order: BakeOrder) -> None:
        """Note it in a store, for the next job that needs it."""
        store.write(
            f"{order.prefix}{order.through:08d}.json", json.dumps([asdict(file) for file in self.files]).encode()
        )

    def is_stored(self, store: ObjectStore) -> bool:
        """Whether the store still has its files."""
        return all(FileStore(store=store).has(file.sha256, file.size_bytes) for file in self.files)

    @classmethod
    def find(cls, store: ObjectStore, order: BakeOrder) -> BakedCopy | None:
        """Return one that was made before and reaches far enough; None if there is none."""
        for key in store.list(order.prefix):
            if int(Path(key).stem) >= order.through:
                return cls(files=tuple(SceneFile(**file) for file in json.loads(store.read(key))))
        return None


def bake(order: BakeOrder, scene: str, folder: str) -> tuple[SceneFile, ...]:
    """Bake a scene into a folder, in the renderer's process.

    Returns
    -------
    tuple
        The files of the baked copy, at their places in the folder. The first is the copy itself.
    """
    adapter = cast("Baker", renderer(order.renderer, allow_scripts=order.allow_scripts))
    copy = adapter.bake(
        Path(scene), build=order.build, parameters=order.scene.parameters, through=order.through, folder=Path(folder)
    )
    others = sorted(path for path in (Path(folder) / FILES_FOLDER).rglob("*") if path.is_file())
    return tuple(
        SceneFile(path=str(path), size_bytes=path.stat().st_size, sha256=file_sha256(path)) for path in (copy, *others)
    )


def placed(files: Iterable[SceneFile], *, scene: str, folder: str) -> BakedCopy:
    """Return baked files as if they lay where the scene is: the copy in its place, the others beside it."""
    copy, *others = files
    beside = Path(scene).with_name(baked_folder(Path(scene).name))
    return BakedCopy(
        files=(
            replace(copy, path=scene),
            *(replace(f, path=str(beside / Path(f.path).relative_to(Path(folder) / FILES_FOLDER))) for f in others),
        )
    )


def baked_folder(scene: str) -> str:
    """Return the name of the folder beside a scene that holds what else its baked copy needs."""
    return f"{scene}.baked"


def with_copies(manifest: Manifest, copies: Mapping[str, BakedCopy]) -> Manifest:
    """Return a scene's manifest with baked copies in the places of its scene files, which the mapping has by path."""

    def replaced(files: Iterable[SceneFile]) -> tuple[SceneFile, ...]:
        return tuple(each for file in files for each in (copies[file.path].files if file.path in copies else (file,)))

    return Manifest(
        common=replaced(manifest.common), own=tuple((frame, replaced(files)) for frame, files in manifest.own)
    )
