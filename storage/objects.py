"""The contract of every object store: whole objects, created exclusively or replaced atomically."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from storage.addresses import local_path
from storage.errors import CorruptObject, StoreError
from system.file_names import FORBIDDEN, name_fault

if TYPE_CHECKING:
    from collections.abc import Iterator

INTERNAL_PREFIX = "_frontburner"
"""Everything in a store that isn't a picture has a key under this prefix."""

_SEGMENT_BYTES = 255
_KEY_BYTES = 800
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An object in a listing; ``modified_s`` is when it was stored, in seconds since 1970 by the server's clock."""

    key: str
    size_bytes: int
    modified_s: float


@runtime_checkable
class ObjectStore(Protocol):
    """Named byte strings. A reader sees all of an object or none of it, even if a writer is killed.

    Keys are relative POSIX paths such as ``units/ab/abc.unit``. No segment is empty or starts with a dot, and a key
    is never also the folder of another one. Every system can have them as names of files (`check_new_key`), so that a
    store can move; what names objects sees to it that no two keys differ by case alone. A store is cheap to
    construct, holds no connection until it is used, may be shared by threads, and pickles without credentials. Every
    failure raises a `storage.errors.StoreError`.
    """

    @property
    def url(self) -> str:
        """The address from which `open_store` makes an equal store."""

    def create(self, key: str, data: bytes) -> bool:
        """Store an object unless there is one already: of many callers exactly one gets True.

        Returns
        -------
        bool
            Whether this call stored the object. If False, the one that was there is untouched.
        """

    def write(self, key: str, data: bytes) -> None:
        """Store an object, replacing atomically whatever was there."""

    def read(self, key: str) -> bytes:
        """All bytes of an object; `storage.errors.MissingObject` if there is none."""

    def exists(self, key: str) -> bool:
        """Whether there is an object under this key."""

    def list(self, prefix: str = "") -> Iterator[str]:
        """Keys that start with this prefix, sorted. It is text: end it with ``/`` to mean a folder."""

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """List as `list` does, with sizes and times. Objects stored or deleted meanwhile may be in it or not."""

    def delete(self, key: str) -> None:
        """Remove an object, or do nothing if there is none."""

    def locate(self, key: str) -> str:
        """Return the path or ``s3://`` address by which a user opens an object."""

    def check(self) -> None:
        """Check that objects can be created, read and deleted; raises the error that says why not."""


def open_store(url: str) -> ObjectStore:
    """Return the store at a path of any system, ``file:///path`` or ``s3://bucket/prefix``.

    Touches neither disk nor network: call its ``check`` for that.
    """
    # Imported late: both import this module, and only one of them is needed.
    if url.startswith("s3://"):
        from storage.s3 import S3Store

        return S3Store.at(url)
    from storage.local import LocalStore

    return LocalStore.at(local_path(url))


def check_new_key(key: str, *, url: str) -> str:
    """Return the key of an object that is to be stored, if every system can have it as a file's name.

    Raises `StoreError`, which names the character that is wrong.
    """
    check_key(key, url=url)
    for segment in key.split("/"):
        if fault := name_fault(segment):
            raise StoreError(
                reason=f"The key {key!r} has {fault}, which not every system takes in the name of a file.",
                remedy=f"Choose a name without {FORBIDDEN} or a dot or space at its end, which isn't a device's.",
                url=url,
                key=key,
            )
    return key


def check_key(key: str, *, url: str) -> str:
    """Return the key if it stays within a store, else raise a `StoreError` that says why not.

    Stores of earlier versions have keys that `check_new_key` refuses; they can be read, listed and deleted.
    """
    segments = key.split("/")
    if not key or "" in segments:
        fault = "is empty, absolute or has an empty segment"
    elif any(segment.startswith(".") for segment in segments):
        fault = "has a segment that starts with a dot"
    elif _CONTROL.search(key):
        fault = "has a backslash or a control character"
    elif len(key.encode()) > _KEY_BYTES or any(len(s.encode()) > _SEGMENT_BYTES for s in segments):
        fault = f"is longer than {_KEY_BYTES} bytes, or one of its segments than {_SEGMENT_BYTES}"
    else:
        return key
    reason = f"The key {key!r} {fault}."
    raise StoreError(reason=reason, remedy="Use a relative path such as 'shots/a/0001.exr'.", url=url, key=key)


def verify_store(store: ObjectStore) -> None:
    """Create, read and delete a small object, as every store's ``check`` does."""
    token = secrets.token_hex(8)
    key, data = f"{INTERNAL_PREFIX}/check/{token}", token.encode()
    created = store.create(key, data)
    try:
        intact = created and store.read(key) == data and not store.create(key, b"other")
    finally:
        store.delete(key)
    if not intact:
        raise CorruptObject(
            reason=f"{store.url} returned other bytes than were stored, or let an object be created twice.",
            remedy="Use a store that supports exclusive creation, such as SeaweedFS, Amazon S3 or a local disk.",
            url=store.url,
            key=key,
        )
