"""Which frames of a job are in place: their files exist, and the records of these match what is wanted."""

from __future__ import annotations

import json
from collections import deque
from functools import partial
from os.path import commonprefix
from typing import TYPE_CHECKING

from storage.bulk import MAX_CONCURRENCY, list_all, map_concurrently
from storage.errors import MissingObject
from tasks.limits import reached_from
from tasks.picture.figures import figures_from
from tasks.picture.frame_output import FrameRecord
from tasks.picture.output_records import RECORDS, claim, record_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from storage.objects import ObjectStore
    from tasks.picture.frame_output import PictureOrder


def find_finished(order: PictureOrder, store: ObjectStore) -> FrameRecord | None:
    """Return the record of a frame whose files are in place, or None.

    Files are written atomically, so it is enough that they exist: reading back a long sequence would take too long for
    a resume.
    """
    record = _recorded(order, store)
    return record if record is not None and all(map(store.exists, order.keys)) else None


def list_outputs(orders: Mapping[int, PictureOrder], store: ObjectStore) -> frozenset[str] | None:
    """List the files and records of frames that exist; None for few frames, which are asked for one by one.

    The keys of a job have a common prefix, so for many frames two listings are enough.
    """
    if len(orders) <= MAX_CONCURRENCY:
        return None
    prefix = commonprefix([key for order in orders.values() for key in order.keys])  # noqa: RUF071 - texts, not paths
    return frozenset(list_all(store, (prefix, f"{RECORDS}{prefix}")))


def find_all_finished(
    orders: Mapping[int, PictureOrder], store: ObjectStore, *, listed: frozenset[str] | None = None
) -> dict[int, FrameRecord]:
    """Return the records of those frames whose files are in place, by frame number and in the same order.

    Parameters
    ----------
    listed
        What `list_outputs` returned of them; only records have to be read then.
    """
    find = find_finished
    if listed is not None:
        find = _recorded
        wanted = {frame: {*order.keys, *map(record_key, order.keys)} for frame, order in orders.items()}
        orders = {frame: order for frame, order in orders.items() if wanted[frame] <= listed}
    found = zip(orders, map_concurrently(partial(find, store=store), orders.values()), strict=True)
    return {frame: record for frame, record in found if record is not None}


def _recorded(order: PictureOrder, store: ObjectStore) -> FrameRecord | None:
    """Return the record of a frame's files, if they match the order."""
    files: dict[str, str] = {}
    reached = measured = None
    for key in order.keys:
        try:
            record = json.loads(store.read(record_key(key)))
            if record["order"] != order.digest:
                return None
            files[key], reached = record["sha256"], reached_from(record["reached"])
            measured = figures_from(record["figures"]) if "figures" in record else None
        except (MissingObject, ValueError, KeyError, TypeError):
            return None
    return FrameRecord(frame=order.frame.frame, files=files, reached=reached, figures=measured)


def discard(orders: Iterable[PictureOrder], store: ObjectStore) -> None:
    """Mark frames as not in place. Their files stay until others replace them."""
    files = ((key, order.owner) for order in orders for key in order.keys)
    deque(map_concurrently(lambda file: claim(*file, store), files), maxlen=0)
