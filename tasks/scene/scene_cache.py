"""Scene files on a node's disk: fetched once, whoever needs them, and laid out as they lay where they come from.

The folder may be shared by any number of processes on a machine, and any of them may die at any time::

    files/ab/abc…      a file by its content; when it was last needed is its time of access
    trees/def….tree/   the files of a manifest at their places: further names of those in files
    trees/def….json    the manifest
    pins/              a file for each unit under way: the contents it needs, locked while it lives
    locks/             what keeps processes out of each other's way, and a text that every removal changes
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from tasks.content_digests import content_of
from tasks.errors import NoRoomForScene
from tasks.file_locks import held, is_held
from tasks.recently import RecentFindings
from tasks.renderers.travelled import in_tree, tree_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from tasks.scene.manifest import Manifest, SceneFile

    Fetch = Callable[[SceneFile, BinaryIO], None]

FETCHED_AT_ONCE = 4
LOOK_EVERY_S = 10.0
"""Files are taken for intact for so long, unless some were removed: a unit may take less than to look at them all."""
_ABANDONED_S = 24 * 3600.0
_NO_LINKS = {errno.EPERM, errno.EXDEV, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}

_in_place = RecentFindings(for_s=LOOK_EVERY_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneCache:
    """A folder of scene files.

    Parameters
    ----------
    limit_bytes
        What the files may take before those are removed that were needed longest ago. Files of units under way
        stay, even if they alone take more.
    """

    root: Path
    limit_bytes: int

    @contextmanager
    def holding(
        self,
        manifest: Manifest,
        frame: int,
        fetch: Fetch,
        begin: Callable[[int], None] = lambda size_bytes: None,  # noqa: ARG005
    ) -> Iterator[Path]:
        """Have the files of a frame at their places, for as long as the context lasts; gives the tree's folder.

        Parameters
        ----------
        fetch
            Writes a file's content, whose digest it has checked. Called for each that isn't there, from several
            threads.
        begin
            Told how many bytes will be fetched, if any.
        """
        files, tree = manifest.of_frame(frame), self._trees / tree_name(manifest.digest)
        with ExitStack() as stack:
            with self._trouble_told():
                stack.enter_context(self._pinned([manifest.digest, *(file.sha256 for file in files)]))
                # Nothing is removed while there is the pin: what was in place before the last removal still is.
                found = (tree, frame, self._last_removal())
                if found not in _in_place:
                    self._lay_out(tree, manifest, files, fetch, begin)
                    _in_place.add((tree, frame, self._last_removal()))
            yield tree

    def _lay_out(
        self,
        tree: Path,
        manifest: Manifest,
        files: Sequence[SceneFile],
        fetch: Fetch,
        begin: Callable[[int], None],
    ) -> None:
        """Have files at their places, fetching what isn't there."""
        if not (listed := tree.with_suffix(".json")).exists():
            self._write(listed, json.dumps([[file.path, file.sha256] for file in manifest.files]).encode())
        missing = [file for file in files if not self._is_in_place(tree, file)]
        if missing:
            begin(self._to_fetch_bytes(missing))
            with ThreadPoolExecutor(FETCHED_AT_ONCE) as pool:
                list(pool.map(partial(self._put_in_place, tree, fetch), missing))
            self.evict()

    @contextmanager
    def _trouble_told(self) -> Iterator[None]:
        """Say what is wrong with the disk in a sentence."""
        try:
            yield
        except OSError as error:
            raise NoRoomForScene(
                reason=f"The files of the scene can't be kept in {self.root}: {error.strerror or error}.",
                remedy="Make room there, or name another folder in FRONTBURNER_CACHE where the node is started.",
                retryable=True,
            ) from error

    def evict(self) -> None:
        """Remove what was needed longest ago, until the rest is within the limit."""
        with held(self._locks / "cache", exclusive=True):
            kept, contents = self._pins(), self._contents()
            total_bytes, gone = sum(size for _, size, _ in contents), set()
            if total_bytes > self.limit_bytes:
                (self._locks / "removed").write_text(secrets.token_hex(8))
            for _, size, path in contents:
                if total_bytes <= self.limit_bytes:
                    break
                if path.name not in kept:
                    path.unlink(missing_ok=True)
                    gone.add(path.name)
                    total_bytes -= size
            if gone:
                self._clear_trees(gone, kept)

    @property
    def _trees(self) -> Path:
        return self.root / "trees"

    @property
    def _locks(self) -> Path:
        return self.root / "locks"

    def _content(self, sha256: str) -> Path:
        return self.root / "files" / sha256[:2] / sha256

    @contextmanager
    def _pinned(self, digests: Sequence[str]) -> Iterator[None]:
        """Keep contents and the tree of a manifest from being removed, by this process or others."""
        pin = self.root / "pins" / secrets.token_hex(8)
        with ExitStack() as stack:
            with held(self._locks / "cache", exclusive=False):  # nothing is just being removed
                file = stack.enter_context(held(pin, exclusive=True))
                stack.callback(pin.unlink, missing_ok=True)
                file.write("\n".join(digests).encode())
                file.flush()
            yield

    def _pins(self) -> set[str]:
        """Contents and manifests that living processes need."""
        pinned: set[str] = set()
        for pin in (self.root / "pins").glob("*"):
            with suppress(FileNotFoundError):
                if is_held(pin):
                    pinned.update(pin.read_text().split())
                else:
                    pin.unlink()  # its process is gone
        return pinned

    def _is_in_place(self, tree: Path, file: SceneFile) -> bool:
        """Whether a file is in its place and intact; if so it is needed now."""
        if not _is_intact(in_tree(tree, file.path), file):
            return False
        with suppress(OSError):  # where it can't be noted it is only removed too early
            content = self._content(file.sha256)
            os.utime(content, ns=(time.time_ns(), content.stat().st_mtime_ns))
            return True
        return False

    def _put_in_place(self, tree: Path, fetch: Fetch, file: SceneFile) -> None:
        """Fetch a file unless another process has, and give it its name in the tree."""
        content = self._content(file.sha256)
        with held(self._locks / file.sha256[:2], exclusive=True):
            if not _is_intact(content, file):
                self._write(content, partial(fetch, file))
            place = in_tree(tree, file.path)
            place.parent.mkdir(parents=True, exist_ok=True)
            scratch = self._scratch()
            _link(content, scratch)
            scratch.replace(place)
            scratch.unlink(missing_ok=True)  # it stays where both were names of one file

    def _to_fetch_bytes(self, files: Sequence[SceneFile]) -> int:
        """Bytes of the contents that aren't here, each once."""
        contents = {file.sha256: file for file in files}.values()
        return sum(file.size_bytes for file in contents if not _is_intact(self._content(file.sha256), file))

    def _last_removal(self) -> str:
        """Return another text after anything was removed."""
        try:
            return (self._locks / "removed").read_text()
        except FileNotFoundError:
            return ""

    def _write(self, path: Path, data: bytes | Callable[[BinaryIO], None]) -> None:
        """Write a file that has its name only once it is whole."""
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self._scratch()
        try:
            with scratch.open("xb") as file:
                if callable(data):
                    data(file)
                else:
                    file.write(data)
            scratch.chmod(0o444)
            scratch.replace(path)
        finally:
            scratch.unlink(missing_ok=True)

    def _scratch(self) -> Path:
        folder = self.root / "scratch"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / secrets.token_hex(8)

    def _contents(self) -> list[tuple[int, int, Path]]:
        """When each file was last needed, its bytes and its path, the longest ago first; clears up what was left."""
        for scratch in (self.root / "scratch").glob("*"):
            with suppress(OSError):
                if scratch.stat().st_mtime < time.time() - _ABANDONED_S:
                    scratch.unlink()
        found = []
        for path in (self.root / "files").glob("*/*"):
            stat = path.stat()
            found.append((stat.st_atime_ns, stat.st_size, path))
        return sorted(found)

    def _clear_trees(self, gone: AbstractSet[str], kept: AbstractSet[str]) -> None:
        """Take contents that are gone from all trees, and trees away that have nothing left and nobody needs."""
        for listed in self._trees.glob("*.json"):
            tree, left = listed.with_suffix(".tree"), False
            for path, sha256 in json.loads(listed.read_bytes()):
                place = in_tree(tree, path)
                if sha256 in gone:
                    place.unlink(missing_ok=True)
                left = left or place.exists()
            if not left and listed.stem not in kept:
                shutil.rmtree(tree, ignore_errors=True)
                listed.unlink()


def _is_intact(path: Path, file: SceneFile) -> bool:
    try:
        return path.stat().st_size == file.size_bytes and content_of(path) == file.sha256
    except OSError:
        return False


def _link(content: Path, place: Path) -> None:
    """Give a content another name; where the disk can't, a copy."""
    try:
        place.hardlink_to(content)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copyfile(content, place)
