"""Finished units as objects with a checksum: a unit is done if and only if its object exists and is intact."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from storage.errors import CorruptObject

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt


_MAGIC = b"FBUNIT1\n"
_HASH_BYTES = hashlib.sha256().digest_size
_AXES = 3


def pack(sums: npt.NDArray[np.float32], metadata: Mapping[str, str]) -> bytes:
    """Make the object of a finished unit: magic bytes, a SHA-256 of the rest, and a safetensors file.

    Parameters
    ----------
    sums
        float32 (H, W, C): sums over the unit's samples.
    metadata
        Stored with the pixels.
    """
    from safetensors.numpy import save

    if sums.dtype != np.float32 or sums.ndim != _AXES:
        message = f"sums must be float32 (H, W, C), not {sums.dtype} {sums.shape}"
        raise TypeError(message)
    # As an array: safetensors can't read its own metadata back from memory.
    text = np.frombuffer(json.dumps(dict(metadata), sort_keys=True).encode(), np.uint8)
    body: bytes = save({"sums": np.ascontiguousarray(sums), "metadata": text})
    return _MAGIC + hashlib.sha256(body).digest() + body


def unpack(data: bytes, *, key: str, url: str = "") -> tuple[npt.NDArray[np.float32], dict[str, str]]:
    """Return the sums and metadata of a unit's object, or raise `storage.errors.CorruptObject`.

    Parameters
    ----------
    data
        As `pack` made it.
    key, url
        Where it came from, for error messages.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    body = memoryview(data)[len(_MAGIC) + _HASH_BYTES :]
    if data[: len(_MAGIC)] != _MAGIC:
        _refuse("isn't a unit", key=key, url=url)
    if hashlib.sha256(body).digest() != data[len(_MAGIC) : len(_MAGIC) + _HASH_BYTES]:
        _refuse("is truncated or damaged", key=key, url=url)
    try:
        arrays = load(bytes(body))
        sums, metadata = arrays["sums"], json.loads(arrays["metadata"].tobytes())
    except (SafetensorError, KeyError, ValueError):
        _refuse("doesn't hold a unit", key=key, url=url)
    if sums.dtype != np.float32 or sums.ndim != _AXES:
        _refuse(f"holds {sums.dtype} {sums.shape} instead of float32 (H, W, C)", key=key, url=url)
    return sums, metadata


def _refuse(fault: str, *, key: str, url: str) -> NoReturn:
    raise CorruptObject(
        reason=f"The object {key!r} {fault}.",
        remedy="Discard it, and it is rendered again.",
        url=url,
        key=key,
    )
