"""What this machine's farm holds: stores of its jobs, and scenes that were dropped on the monitor's page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from frontburner.retention import dropped_scenes
from frontburner.retention.rules import groups
from storage.bulk import delete_all
from storage.disk_errors import translate_os_errors

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from frontburner.record.registry import JobLocation
    from frontburner.retention.rules import Group
    from storage.objects import ObjectStore


class Holding(Protocol):
    """Something that is listed, and pruned."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    def groups(self, now_s: float) -> list[Group]:
        """All it holds."""
        ...

    def judged(self, now_s: float) -> list[Group]:
        """The same, with what jobs need."""
        ...

    def remove(self, group: Group) -> None:
        """Take something away."""
        ...


@dataclass(frozen=True, slots=True)
class Store:
    """A store."""

    store: ObjectStore

    @property
    def name(self) -> str:
        """Its address."""
        return self.store.url

    def groups(self, now_s: float) -> list[Group]:  # noqa: ARG002 - what it holds is as it is
        """All its objects."""
        return groups(self.store.entries())

    judged = groups
    """Its own records say which jobs run."""

    def remove(self, group: Group) -> None:
        """Delete its objects."""
        delete_all(self.store, group.keys)


@dataclass(frozen=True, slots=True)
class DroppedScenes:
    """A folder of scenes that were dropped."""

    place: Path

    @property
    def name(self) -> str:
        """Its path."""
        return str(self.place)

    def groups(self, now_s: float) -> list[Group]:
        """All its scenes."""
        with translate_os_errors(self.name, ""):
            return dropped_scenes.groups(self.place, {}, now_s=now_s)

    def judged(self, now_s: float) -> list[Group]:
        """All of them, and which of them jobs need, of all stores that are known here."""
        with translate_os_errors(self.name, ""):
            return dropped_scenes.groups(self.place, dropped_scenes.claims(), now_s=now_s)

    def remove(self, group: Group) -> None:
        """Remove a scene."""
        with translate_os_errors(self.name, group.name):
            dropped_scenes.remove(self.place, group)


def holdings(jobs: Iterable[JobLocation]) -> list[Holding]:
    """Return the stores of these jobs, and this machine's folders of dropped scenes."""
    stores = {place.store.url: place.store for place in jobs}
    return [*map(Store, stores.values()), *map(DroppedScenes, dropped_scenes.scene_folders())]
