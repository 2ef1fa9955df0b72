"""The units of a job as objects in its store: a unit is done if and only if its object exists."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from storage.bulk import MAX_CONCURRENCY, delete_all, list_all
from storage.errors import CorruptObject
from storage.objects import INTERNAL_PREFIX
from storage.units import pack, unpack
from tasks.spec import CostGrid, Region, SampleRange, Tile, UnitRecord

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from storage.objects import ObjectStore
    from tasks.spec import FrameSpec, UnitSpec

_UNITS = f"{INTERNAL_PREFIX}/units/"
_KEY = re.compile(rf"{_UNITS}([0-9a-f]{{64}})/s(\d+)-(\d+)_x(\d+)-(\d+)_y(\d+)-(\d+)\.unit")
_SAMPLE_PREFIX, _PREFIXES = "00", 256
"""Digests are evenly spread, so a store holds about 256 times as many units as those whose digests begin with 00."""
_KEYS_PER_LISTING = 10
"""Keys of one long listing that take as long as a short listing, several of which run at once. On S3 a short listing
took 2.6 ms and a key of a long listing 0.1 to 0.5 ms; in a folder 0.2 and 0.05 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitLedger:
    """Finished units in a store. An object's key holds the digest of the frame, the region and the range of samples."""

    store: ObjectStore

    def has(self, unit: UnitSpec) -> bool:
        """Whether a unit is done."""
        return self.store.exists(_key(unit))

    def load(self, unit: UnitSpec) -> Tile:
        """Load a finished unit. Raises `MissingObject` or `CorruptObject`."""
        key = _key(unit)
        sums, metadata = unpack(self.store.read(key), key=key, url=self.store.url)
        try:
            record = record_from(json.loads(metadata["record"]))
            channels = tuple(json.loads(metadata["channels"]))
        except (KeyError, TypeError, ValueError):  # intact, but written by another version
            raise CorruptObject(
                reason=f"The object {key!r} has a record that can't be read.",
                remedy="Discard it, and it is rendered again.",
                url=self.store.url,
                key=key,
            ) from None
        return Tile(region=unit.region, samples=unit.samples, channels=channels, sums=sums, record=record)

    def create(self, unit: UnitSpec, tile: Tile) -> bool:
        """Mark a unit done by storing it; False if it was done already, which changes nothing."""
        metadata = {"record": json.dumps(asdict(tile.record)), "channels": json.dumps(tile.channels)}
        return self.store.create(_key(unit), pack(tile.sums, metadata))

    def discard(self, unit: UnitSpec) -> None:
        """Mark a unit not done by deleting its object."""
        self.store.delete(_key(unit))

    def finished(self, frames: Iterable[FrameSpec]) -> dict[str, list[tuple[SampleRange, Region]]]:
        """List the finished units of some frames, by the frames' digests, without reading a pixel.

        The units of all jobs are stored side by side. Listing those of one frame costs a round trip; listing all units
        at once costs more with each unit of any job. A sample tells which is cheaper.
        """
        digests = {frame.digest for frame in frames}
        found: dict[str, list[tuple[SampleRange, Region]]] = defaultdict(list)
        for key in list_all(self.store, self._prefixes(digests)):
            match = _KEY.fullmatch(key)
            if match is not None and match[1] in digests:
                s0, s1, x0, x1, y0, y1 = map(int, match.groups()[1:])
                place = SampleRange(start=s0, stop=s1), Region(x0=x0, y0=y0, x1=x1, y1=y1)
                found[match[1]].append(place)
        return found

    def forget(self, frames: Iterable[FrameSpec]) -> None:
        """Remove all units of some frames, once their pictures are in place."""
        delete_all(self.store, list_all(self.store, (f"{_folder(frame)}/" for frame in frames)))

    def _prefixes(self, digests: AbstractSet[str]) -> list[str]:
        """Prefixes of keys to list for some frames: one for each frame, or that of all units."""
        if len(digests) > MAX_CONCURRENCY:
            sample = len(list(self.store.list(f"{_UNITS}{_SAMPLE_PREFIX}")))
            if len(digests) * _KEYS_PER_LISTING >= sample * _PREFIXES:
                return [_UNITS]
        return [f"{_UNITS}{digest}/" for digest in digests]


def _folder(frame: FrameSpec) -> str:
    return f"{_UNITS}{frame.digest}"


def _key(unit: UnitSpec) -> str:
    return f"{_folder(unit.frame)}/{unit.place}.unit"


def record_from(values: dict[str, Any]) -> UnitRecord:
    """Rebuild a record from `dataclasses.asdict` of one."""
    costs = values["costs"]
    grid = costs and CostGrid(**{name: tuple(numbers) for name, numbers in costs.items()})
    return UnitRecord(**{**values, "costs": grid})
