"""Objects as files under one folder: complete and flushed to disk before they atomically get their name."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, TypeVar

from storage.disk_errors import translate_os_errors
from storage.errors import MissingObject, StoreError
from storage.objects import INTERNAL_PREFIX, Entry, check_key, check_new_key, verify_store
from system.files import any_length, flush_folder, local_fault, lock, on_disk, once_free, remove, replace
from system.paths import expanded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

# Keys never start with a dot, so nothing in here can be mistaken for an object.
_SCRATCH = f"{INTERNAL_PREFIX}/.tmp"
_ABANDONED_AFTER_S = 24 * 3600.0
_TRIES = 8
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL}


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalStore:
    """An object store on a disk or a network drive.

    An object is written to a hidden scratch folder, flushed to the disk, and then gets its name: by a hard
    link (``create``, which the kernel refuses if the name is taken) or by a rename (``write``). Where the
    drive has no hard links, ``create`` checks and renames under a file lock instead. That lock ends with its
    process, so a crash blocks nobody, and readers still see all or nothing; but it only excludes machines whose
    mounts share locks.

    Parameters
    ----------
    root
        Absolute path of the folder, which is made on the first write.
    """

    root: Path

    @classmethod
    def at(cls, path: str) -> LocalStore:
        """Store in this folder; a relative one is resolved against the current directory now."""
        return cls(root=Path(os.path.abspath(expanded(path))))  # noqa: PTH100 - absolute() keeps '..'

    @property
    def url(self) -> str:
        """The folder's absolute path."""
        return str(self.root)

    def create(self, key: str, data: bytes) -> bool:
        """Store an object unless there is one already."""
        path = self._new_path(key)
        with translate_os_errors(self.url, key):
            if _exists(path):
                return False
            with self._scratch_file(data) as scratch:
                lock_path = self._folder / _SCRATCH / "lock"
                created = _in_folder(path.parent, lambda: _name_exclusively(scratch, path, lock_path=lock_path))
            flush_folder(path.parent)
            return created

    def write(self, key: str, data: bytes) -> None:
        """Store an object, replacing whatever was there."""
        path = self._new_path(key)
        with translate_os_errors(self.url, key), self._scratch_file(data) as scratch:
            _in_folder(path.parent, lambda: replace(scratch, path))
            flush_folder(path.parent)

    def read(self, key: str) -> bytes:
        """All bytes of an object."""
        path = self._path(key)
        with translate_os_errors(self.url, key):
            try:
                return once_free(path.read_bytes)
            except (FileNotFoundError, NotADirectoryError):
                reason = f"There is no object {key!r} in {self.url}."
                raise MissingObject(reason=reason, remedy="Make it again.", url=self.url, key=key) from None

    def exists(self, key: str) -> bool:
        """Whether there is an object under this key."""
        path = self._path(key)
        with translate_os_errors(self.url, key):
            return (mode := _mode(path)) is not None and stat.S_ISREG(mode)

    def list(self, prefix: str = "") -> Iterator[str]:
        """Keys that start with this prefix, sorted."""
        if folder := prefix.rpartition("/")[0]:
            check_key(folder, url=self.url)
        with translate_os_errors(self.url, prefix):
            return iter(sorted(self._keys(prefix)))

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """Keys that start with this prefix, sorted, with sizes and times."""
        found = []
        with translate_os_errors(self.url, prefix):
            for key in self.list(prefix):
                with suppress(FileNotFoundError):  # deleted meanwhile
                    info = (self._folder / key).stat()
                    found.append(Entry(key=key, size_bytes=info.st_size, modified_s=info.st_mtime))
        return iter(found)

    def delete(self, key: str) -> None:
        """Remove an object and the folders that are empty without it, or do nothing if there is none."""
        path = self._path(key)
        with translate_os_errors(self.url, key), suppress(NotADirectoryError):
            remove(path)
        with suppress(OSError):
            for folder in path.relative_to(self._folder).parents[:-1]:
                (self._folder / folder).rmdir()

    def locate(self, key: str) -> str:
        """Absolute path of an object."""
        return str(self.root / check_key(key, url=self.url))

    def check(self) -> None:
        """Check that objects can be created, read and deleted, and remove scratch files of killed writers."""
        verify_store(self)
        self._sweep(before_s=time() - _ABANDONED_AFTER_S)

    @property
    def _folder(self) -> Path:
        return any_length(self.root)

    def _path(self, key: str) -> Path:
        check_key(key, url=self.url)
        if fault := next(filter(None, map(local_fault, key.split("/"))), ""):
            reason = f"The key {key!r} has {fault}, which no file of this system can have."
            raise StoreError(reason=reason, remedy="Use the store on the system where it was made.", url=self.url)
        return self._folder / key

    def _new_path(self, key: str) -> Path:
        path = self._path(check_new_key(key, url=self.url))
        with translate_os_errors(self.url, key):
            other = on_disk(path).relative_to(self._folder).as_posix()
        if other != key:
            raise StoreError(
                reason=f"The key {key!r} differs only by case from {other!r}, which is in {self.url}.",
                remedy="Write it in the same way, or choose another name.",
                url=self.url,
                key=key,
            )
        return path

    def _keys(self, prefix: str) -> Iterator[str]:
        """Keys that start with this prefix, in no order. Folders that can't contain any are skipped."""
        folder, _, start = prefix.rpartition("/")
        for parent, folders, files in os.walk(self._folder / folder, onerror=_raise_unless_missing):
            folders[:] = [name for name in folders if name.startswith(start) and not name.startswith(".")]
            for name in files:
                if name.startswith(start) and not name.startswith("."):
                    yield (Path(parent) / name).relative_to(self._folder).as_posix()
            start = ""  # it applies to the first folder only

    @contextmanager
    def _scratch_file(self, data: bytes) -> Iterator[Path]:
        """Flushed hidden file with these bytes, removed when the context ends."""
        folder = self._folder / _SCRATCH
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / secrets.token_hex(16)
        try:
            with path.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield path
        finally:
            with suppress(OSError):
                remove(path)

    def _sweep(self, *, before_s: float) -> None:
        """Remove scratch files last written before this moment (seconds since 1970)."""
        with suppress(OSError):
            for path in (self._folder / _SCRATCH).iterdir():
                if path.name != "lock" and path.stat().st_mtime < before_s:
                    remove(path)


def _in_folder(folder: Path, action: Callable[[], T]) -> T:
    """Act in a folder that is made first, and again each time a `delete` removes it as empty in between."""
    for _ in range(_TRIES):
        with suppress(FileNotFoundError):
            folder.mkdir(parents=True, exist_ok=True)
            return action()
    folder.mkdir(parents=True, exist_ok=True)
    return action()


def _name_exclusively(scratch: Path, path: Path, *, lock_path: Path) -> bool:
    """Give a finished file its name unless the name is in use."""
    try:
        path.hardlink_to(scratch)
    except FileExistsError:
        _exists(path)
        return False
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        return _name_under_lock(scratch, path, lock_path=lock_path)
    return True


def _name_under_lock(scratch: Path, path: Path, *, lock_path: Path) -> bool:
    """Do the same on a drive without hard links, among all processes that see each other's locks."""
    with lock_path.open("ab") as file:
        lock(file, exclusive=True)
        if _exists(path):
            return False
        replace(scratch, path)
        return True


def _exists(path: Path) -> bool:
    """Whether an object has this name; a folder of this name is an error."""
    mode = _mode(path)
    if mode is not None and stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    return mode is not None


def _mode(path: Path) -> int | None:
    """Type and permission bits of a path; None if there is nothing."""
    # Path.exists() and is_file() hide permission errors on newer Pythons.
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None


def _raise_unless_missing(error: OSError) -> None:
    """Let a walk skip folders that don't exist; any other error ends it."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error
