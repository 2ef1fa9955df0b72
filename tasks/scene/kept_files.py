"""Keeps the files of a scene that is used in place as they are when its job begins, since an artist goes on saving.

They are kept in a folder of the job's store, by their content: as clones where the drive can share the blocks of two
files, as copies where they are small, else as hard links. A hard link still has the old content when an editor saves by
renaming, as most do. One that was written into is noticed by its digest.
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from storage.bulk import map_concurrently
from storage.errors import FileChanged, StoreError
from storage.file_store import FileStore
from storage.objects import open_store
from system import paths
from system.files import clone, remove, replace
from tasks.content_digests import file_sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tasks.scene.manifest import Manifest, SceneFile

SMALL_BYTES = 64 << 20
"""Scenes of this size are copied at once, whatever the drive can: it takes a moment."""
MOST_COPIED_BYTES = 2 << 30
"""Larger scenes aren't copied where there are no links: it would take long, and much room."""
_CHUNK_BYTES = 1 << 20


def keep_files(manifest: Manifest, folder: str) -> tuple[str, ...]:
    """Keep the files of a scene; returns the paths of those that can't be kept, or have changed already."""
    place, contents = Path(paths.here(folder)), manifest.contents
    total_bytes = sum(file.size_bytes for file in contents)
    ways: list[Callable[[Path, Path], object]] = [clone]
    ways += [shutil.copyfile] if total_bytes <= SMALL_BYTES else [_link]
    ways += [shutil.copyfile] if SMALL_BYTES < total_bytes <= MOST_COPIED_BYTES else []
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError:
        return tuple(file.path for file in contents)
    return tuple(file.path for file in contents if not _keep(file, place, ways))


def keep_in_store(manifest: Manifest, url: str) -> tuple[str, ...]:
    """Keep the files of a small scene in a store that is no folder; returns as `keep_files` does."""
    if sum(file.size_bytes for file in manifest.contents) > SMALL_BYTES:
        return tuple(file.path for file in manifest.contents)
    files = FileStore(store=open_store(url))

    def put(file: SceneFile) -> str:
        try:
            files.put(file.place, file.sha256)
        except (FileChanged, StoreError, OSError):
            return file.path
        return ""

    return tuple(filter(None, map_concurrently(put, manifest.contents)))


def lost_files(files: Iterable[SceneFile], folder: str) -> tuple[SceneFile, ...]:
    """Return the files that are neither in their places as they were nor kept."""
    kept = Path(paths.here(folder))
    return tuple(file for file in files if file.difference() and not (folder and _is_intact(kept / file.sha256, file)))


def read_verified(path: Path, file: SceneFile, into: BinaryIO) -> bool:
    """Write the content of a file that is at a path; returns False, with nothing written, if it isn't there."""
    begins, digest = into.tell(), hashlib.sha256()
    try:
        with path.open("rb") as found:
            while data := found.read(_CHUNK_BYTES):
                into.write(data)
                digest.update(data)
    except FileNotFoundError:
        return False
    if digest.hexdigest() == file.sha256:
        return True
    into.seek(begins)
    into.truncate()
    return False


def _keep(file: SceneFile, folder: Path, ways: Sequence[Callable[[Path, Path], object]]) -> bool:
    place, scratch = folder / file.sha256, folder / f"{file.sha256}.{secrets.token_hex(4)}"
    if _is_intact(place, file):
        return True
    for way in ways:
        try:
            way(file.place, scratch)
        except OSError:
            _remove(scratch)
            continue
        if file.difference():  # it changed meanwhile
            break
        replace(scratch, place)
        _remove(scratch)  # `replace` leaves it where both are links to one file
        return True
    _remove(scratch)
    return False


def _is_intact(place: Path, file: SceneFile) -> bool:
    try:
        return place.stat().st_size == file.size_bytes and file_sha256(place) == file.sha256
    except OSError:
        return False


def _link(source: Path, place: Path) -> None:
    place.hardlink_to(source)


def _remove(path: Path) -> None:
    with suppress(OSError):
        remove(path)
