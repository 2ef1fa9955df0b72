"""A cache of scene files on a node's disk: each content is fetched once, and laid out as on the submitting machine.

The folder may be shared by any number of processes on a machine, and any of them may die at any time::

    files/ab/abc…      a file by its content; its access time is when it was last needed
    trees/def….tree/   the files of a manifest in their folders: hard links to those in files
    trees/def….json    the manifest
    pins/              a file for each running unit: the contents it needs, locked while the unit runs
    locks/             locks between processes, and a text that every removal changes
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

from system import paths
from system.files import local_fault, remove, remove_folder, replace
from tasks.content_digests import file_sha256
from tasks.errors import NoRoomForScene, SceneError
from tasks.expiring_set import ExpiringSet
from tasks.file_locks import held, is_held
from tasks.renderers.sent_scenes import in_tree, tree_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from tasks.scene.manifest import Manifest, SceneFile

    Fetch = Callable[[SceneFile, BinaryIO], None]

FETCH_THREADS = 4
CHECK_EVERY_S = 10.0
"""Files count as intact for this long unless some were removed: checking them all may take longer than a unit."""
_ABANDONED_S = 24 * 3600.0
_NO_LINKS = {errno.EPERM, errno.EXDEV, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}

_in_place = ExpiringSet(lifetime_s=CHECK_EVERY_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneCache:
    """A folder of scene files.

    Parameters
    ----------
    limit_bytes
        Above this size the least recently needed files are removed. Files of running units stay, even if they alone
        take more.
    """

    root: Path
    limit_bytes: int

    @contextmanager
    def hold(
        self,
        manifest: Manifest,
        frame: int,
        fetch: Fetch,
        begin: Callable[[int], None] = lambda size_bytes: None,  # noqa: ARG005
    ) -> Iterator[Path]:
        """Have the files of a frame in place while the context lasts; yields the tree's folder.

        Parameters
        ----------
        fetch
            Writes a file's content and checks its digest. Called for each missing file, from several threads.
        begin
            Called with the number of bytes to fetch, if any.
        """
        files, tree = manifest.of_frame(frame), self._trees / tree_name(manifest.digest)
        _require_names(files)
        with ExitStack() as stack:
            with self._disk_errors():
                stack.enter_context(self._pinned([manifest.digest, *(file.sha256 for file in files)]))
                # The pin prevents removals: what was in place after the last removal still is.
                if (tree, frame, self._last_removal()) not in _in_place:
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
        """Put files in place, fetching what is missing."""
        if not (listed := tree.with_suffix(".json")).exists():
            self._write(listed, json.dumps([[file.path, file.sha256] for file in manifest.files]).encode())
        missing = [file for file in files if not self._is_in_place(tree, file)]
        if missing:
            begin(self._to_fetch_bytes(missing))
            with ThreadPoolExecutor(FETCH_THREADS) as pool:
                list(pool.map(partial(self._put_in_place, tree, fetch), missing))
            self.evict()

    @contextmanager
    def _disk_errors(self) -> Iterator[None]:
        """Turn errors of the disk into `NoRoomForScene`."""
        try:
            yield
        except OSError as error:
            cause, remedy = error.strerror or str(error), "Make room there"
            if error.errno == errno.EBUSY:
                cause, remedy = f"{error.filename} is open in another program", "Close it there"
            raise NoRoomForScene(
                reason=f"The files of the scene can't be kept in {self.root}: {cause}.",
                remedy=f"{remedy}, or name another folder in FRONTBURNER_CACHE where the node is started.",
                retryable=True,
            ) from error

    def evict(self) -> None:
        """Remove the least recently needed files until the rest is within the limit."""
        with held(self._locks / "cache", exclusive=True):
            pinned, contents = self._pins(), self._contents()
            total_bytes, removed = sum(size for _, size, _ in contents), set()
            if total_bytes > self.limit_bytes:
                (self._locks / "removed").write_text(secrets.token_hex(8), encoding="utf-8")
            for _, size, path in contents:
                if total_bytes <= self.limit_bytes:
                    break
                if path.name not in pinned:
                    with suppress(OSError):  # a program still reads it
                        remove(path)
                        removed.add(path.name)
                        total_bytes -= size
            if removed:
                self._clean_trees(removed, pinned)

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
        """Keep contents and the tree of a manifest from being removed by any process."""
        pin = self.root / "pins" / secrets.token_hex(8)
        with ExitStack() as stack:
            with held(self._locks / "cache", exclusive=False):  # wait for a removal that is running
                stack.callback(remove, pin)
                file = stack.enter_context(held(pin, exclusive=True))
                file.write("\n".join(digests).encode())
                file.flush()
            yield

    def _pins(self) -> set[str]:
        """Return the contents and manifests that living processes need."""
        pinned: set[str] = set()
        for pin in (self.root / "pins").glob("*"):
            with suppress(FileNotFoundError):
                if is_held(pin):
                    pinned.update(pin.read_text(encoding="utf-8").split())
                else:
                    remove(pin)  # its process is gone
        return pinned

    def _is_in_place(self, tree: Path, file: SceneFile) -> bool:
        """Whether a file is in place and intact; if so, note that it is needed now."""
        if not _is_intact(in_tree(tree, file.path), file):
            return False
        with suppress(OSError):
            content = self._content(file.sha256)
            os.utime(content, ns=(time.time_ns(), content.stat().st_mtime_ns))
            return True
        return False

    def _put_in_place(self, tree: Path, fetch: Fetch, file: SceneFile) -> None:
        """Fetch a file unless another process has, and link it into the tree."""
        content = self._content(file.sha256)
        with held(self._locks / file.sha256[:2], exclusive=True):
            if not _is_intact(content, file):
                self._write(content, partial(fetch, file))
            place = in_tree(tree, file.path)
            place.parent.mkdir(parents=True, exist_ok=True)
            scratch = self._scratch()
            _link(content, scratch)
            replace(scratch, place)
            remove(scratch)  # `replace` leaves it where both were links to one file

    def _to_fetch_bytes(self, files: Sequence[SceneFile]) -> int:
        """Return the bytes of missing contents, each counted once."""
        contents = {file.sha256: file for file in files}.values()
        return sum(file.size_bytes for file in contents if not _is_intact(self._content(file.sha256), file))

    def _last_removal(self) -> str:
        """Return a text that changes with each removal."""
        try:
            return (self._locks / "removed").read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""

    def _write(self, path: Path, data: bytes | Callable[[BinaryIO], None]) -> None:
        """Write a file atomically."""
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self._scratch()
        try:
            with scratch.open("xb") as file:
                if callable(data):
                    data(file)
                else:
                    file.write(data)
            scratch.chmod(0o444)
            replace(scratch, path)
        finally:
            remove(scratch)

    def _scratch(self) -> Path:
        folder = self.root / "scratch"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / secrets.token_hex(8)

    def _contents(self) -> list[tuple[int, int, Path]]:
        """Return when each file was last needed, its bytes and path, oldest first; remove abandoned scratch files."""
        for scratch in (self.root / "scratch").glob("*"):
            with suppress(OSError):
                if scratch.stat().st_mtime < time.time() - _ABANDONED_S:
                    remove(scratch)
        found = []
        for path in (self.root / "files").glob("*/*"):
            stat = path.stat()
            found.append((stat.st_atime_ns, stat.st_size, path))
        return sorted(found)

    def _clean_trees(self, removed: AbstractSet[str], pinned: AbstractSet[str]) -> None:
        """Remove contents from all trees, and trees that are empty then and that no process needs."""
        for listed in self._trees.glob("*.json"):
            tree, left = listed.with_suffix(".tree"), False
            for path, sha256 in json.loads(listed.read_bytes()):
                place = in_tree(tree, path)
                if sha256 in removed:
                    remove(place)
                left = left or place.exists()
            if not left and listed.stem not in pinned:
                remove_folder(tree)
                remove(listed)


def _require_names(files: Sequence[SceneFile]) -> None:
    """Raise `SceneError` if this system can't have files of these names beside each other."""
    contents: dict[str, SceneFile] = {}
    for file in files:
        parts = paths.parts_of(file.path)
        fault = next(filter(None, map(local_fault, parts)), "")
        same = contents.setdefault(os.path.normcase("/".join(parts)), file)
        if same.sha256 != file.sha256:
            fault = f"a name that differs only by case from that of {same.path}"
        if fault:
            raise SceneError(
                reason=f"This machine can't have the file {file.path} of the scene: it has {fault}.",
                remedy="Rename it, or render on nodes with another system.",
                scene=file.path,
            )


def _is_intact(path: Path, file: SceneFile) -> bool:
    try:
        return path.stat().st_size == file.size_bytes and file_sha256(path) == file.sha256
    except OSError:
        return False


def _link(content: Path, place: Path) -> None:
    """Hard-link a content; copy it where the disk has no hard links."""
    try:
        place.hardlink_to(content)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copyfile(content, place)
