"""What this machine's farm holds that can be pruned: stores of its jobs, and folders of dropped scenes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from frontburner.retention.dropped_scenes import DroppedScenes, scene_folders
from frontburner.retention.rules import group_entries
from storage.bulk import delete_all

if TYPE_CHECKING:
    from collections.abc import Iterable

    from frontburner.record.registry import JobLocation
    from frontburner.retention.rules import Group
    from storage.objects import ObjectStore


@dataclass(frozen=True, slots=True)
class Store:
    """An object store."""

    store: ObjectStore

    @property
    def name(self) -> str:
        """Its address."""
        return self.store.url

    def groups(self, now_s: float) -> list[Group]:  # noqa: ARG002 - the time doesn't matter here
        """All its objects."""
        return group_entries(self.store.entries())

    assess = groups
    """The store's own records say which jobs are running."""

    def remove(self, group: Group) -> None:
        """Delete the objects of a group."""
        delete_all(self.store, group.keys)


Holding: TypeAlias = Store | DroppedScenes
"""Something whose content is listed, assessed and pruned."""


def holdings(jobs: Iterable[JobLocation]) -> list[Holding]:
    """Return the stores of these jobs, and this machine's folders of dropped scenes."""
    stores = {job.store.url: job.store for job in jobs}
    return [*map(Store, stores.values()), *map(DroppedScenes, scene_folders())]
