"""What a disturbed job left behind: its pictures, and units that were drawn although their pixels had been stored."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from s3fs import S3FileSystem

from storage.errors import CorruptObject, StoreError
from storage.images import decode_exr
from storage.objects import INTERNAL_PREFIX
from storage.units import unpack

if TYPE_CHECKING:
    from pathlib import Path

    from storage.objects import ObjectStore

Pictures = dict[str, npt.NDArray[np.float32]]
Place = tuple[int, ...]

ROUND_S = 2.0
"""The store says in whole seconds when an object was stored, and a unit on its way to a node is past recall."""


def pictures(store: ObjectStore) -> tuple[Pictures, list[str]]:
    """Return the pictures of a store, and what is wrong with those that can't be read."""
    found: Pictures = {}
    unreadable = []
    for key in store.list():
        if key.startswith(INTERNAL_PREFIX) or not key.endswith(".exr"):
            continue
        try:
            found[key] = decode_exr(store.read(key))[0]
        except (ValueError, StoreError) as error:
            unreadable.append(f"{key}: {error}")
    return found, unreadable


def rerendered(store: ObjectStore, journal: Path) -> tuple[int, list[str]]:
    """Return how many units were drawn, and those of them whose pixels had been stored before they were begun.

    Units that were damaged in the store and not drawn again since don't count as stored.
    """
    drawn = [json.loads(line) for line in journal.read_text().splitlines()]
    stored: dict[str, list[tuple[Place, float]]] = defaultdict(list)
    for key, at_s in _stored_at_s(store).items():
        digest, place = key.split("/")[-2:]
        try:
            unpack(store.read(key), key=key)
        except CorruptObject:
            continue
        stored[digest].append((_place(place), at_s))
    twice = [
        f"{line['unit']} of frame {line['frame']}, begun {line['began'] - at_s:.1f} s after it was stored"
        for line in drawn
        for place, at_s in stored[line["digest"]]
        if at_s + ROUND_S < line["began"] and _meet(_place(line["unit"]), place)
    ]
    return len(drawn), twice


def _stored_at_s(store: ObjectStore) -> dict[str, float]:
    """When each unit was stored, by the server's clock, which is ours."""
    s3, root = S3FileSystem(use_listings_cache=False), store.url.removeprefix("s3://")
    details = s3.find(f"{root}/{INTERNAL_PREFIX}/units", detail=True)
    return {name.removeprefix(f"{root}/"): info["LastModified"].timestamp() for name, info in details.items()}


def _place(text: str) -> Place:
    """Read a unit's samples and region off its name."""
    return tuple(map(int, re.findall(r"\d+", text)))


def _meet(a: Place, b: Place) -> bool:
    """Whether two units have pixels and samples in common."""
    return all(a[n] < b[n + 1] and b[n] < a[n + 1] for n in range(0, len(a), 2))
