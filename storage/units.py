"""Finished units as objects: a unit is done if and only if its object exists, which proves itself intact."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from storage.errors import CorruptObject, StoreError
from storage.objects import check_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    from storage.objects import ObjectStore

_MAGIC = b"FBUNIT1\n"
_HASH_BYTES = hashlib.sha256().digest_size
_DIGEST = re.compile(r"[0-9a-f]{64}")
_AXES = 3


def pack(sums: npt.NDArray[np.float32], metadata: Mapping[str, str]) -> bytes:
    """Make the object of a finished unit: a mark, a SHA-256 of the rest, and a safetensors file.

    Parameters
    ----------
    sums
        float32 (H, W, C): sums over the unit's samples.
    metadata
        What to keep with the pixels.
    """
    from safetensors.numpy import save

    if sums.dtype != np.float32 or sums.ndim != _AXES:
        message = f"sums must be float32 (H, W, C), not {sums.dtype} {sums.shape}"
        raise TypeError(message)
    # As an array: safetensors has metadata of its own, but can't read it back from memory.
    text = np.frombuffer(json.dumps(dict(metadata), sort_keys=True).encode(), np.uint8)
    body: bytes = save({"sums": np.ascontiguousarray(sums), "metadata": text})
    return _MAGIC + hashlib.sha256(body).digest() + body


def unpack(data: bytes, *, key: str, url: str = "") -> tuple[npt.NDArray[np.float32], dict[str, str]]:
    """Return the sums and metadata of a unit's object, or raise `storage.errors.CorruptObject`.

    Parameters
    ----------
    data
        What `pack` made.
    key, url
        Where it came from, for the error.
    """
    body = memoryview(data)[len(_MAGIC) + _HASH_BYTES :]
    if data[: len(_MAGIC)] != _MAGIC:
        _refuse("isn't a unit", key=key, url=url)
    if hashlib.sha256(body).digest() != data[len(_MAGIC) : len(_MAGIC) + _HASH_BYTES]:
        _refuse("is truncated or damaged", key=key, url=url)
    return _parse(bytes(body), key=key, url=url)


def _parse(body: bytes, *, key: str, url: str) -> tuple[npt.NDArray[np.float32], dict[str, str]]:
    """Return what is in a safetensors file whose bytes are known to be the ones that were written."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(body)
        sums, metadata = arrays["sums"], json.loads(arrays["metadata"].tobytes())
    except (SafetensorError, KeyError, ValueError):
        _refuse("doesn't hold what a unit holds", key=key, url=url)
    if sums.dtype != np.float32 or sums.ndim != _AXES:
        _refuse(f"holds {sums.dtype} {sums.shape} instead of float32 (H, W, C)", key=key, url=url)
    return sums, metadata


def _refuse(fault: str, *, key: str, url: str) -> NoReturn:
    raise CorruptObject(
        reason=f"The object {key!r} {fault}.",
        remedy="Discard it, and it is rendered again.",
        retryable=False,
        url=url,
        key=key,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitLedger:
    """Which units are done, and their pixels. There is no other record than the objects themselves.

    Parameters
    ----------
    store
        Where the objects are.
    prefix
        Folder of the units in the store.
    """

    store: ObjectStore
    prefix: str = "units"

    def has(self, digest: str) -> bool:
        """Whether a unit is done."""
        return self.store.exists(self.key(digest))

    def load(self, digest: str) -> tuple[npt.NDArray[np.float32], dict[str, str]]:
        """Return the sums and metadata of a finished unit.

        Raises
        ------
        storage.errors.CorruptObject
            Its bytes have changed since. `discard` it, and render the unit again.
        storage.errors.MissingObject
            The unit isn't done.
        """
        key = self.key(digest)
        return unpack(self.store.read(key), key=key, url=self.store.url)

    def create(self, digest: str, sums: npt.NDArray[np.float32], metadata: Mapping[str, str]) -> bool:
        """Mark a unit done by storing its pixels; False if it was done already, which changes nothing."""
        return self.store.create(self.key(digest), pack(sums, metadata))

    def digests(self) -> Iterator[str]:
        """Identities of all finished units, sorted."""
        for key in self.store.list(f"{self.prefix}/"):
            name = key.rpartition("/")[2].removesuffix(".unit")
            if _DIGEST.fullmatch(name) and key == self.key(name):
                yield name

    def discard(self, digest: str) -> None:
        """Make a unit not done, because its object is corrupt; it may then be created again."""
        self.store.delete(self.key(digest))

    def key(self, digest: str) -> str:
        """Key of a unit's object."""
        if not _DIGEST.fullmatch(digest):
            raise StoreError(
                reason=f"{digest!r} is not the identity of a unit.",
                remedy="Use the 64 hexadecimal digits of a unit's SHA-256.",
                url=self.store.url,
            )
        return check_key(f"{self.prefix}/{digest[:2]}/{digest}.unit", url=self.store.url)
