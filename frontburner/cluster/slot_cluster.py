"""A Dask cluster of named places, each of which has at most one node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distributed import SpecCluster

if TYPE_CHECKING:
    from collections.abc import Mapping


class SlotCluster(SpecCluster):  # type: ignore[misc]
    """Nodes where there is a place for one; the first that is free is taken first.

    Parameters
    ----------
    places
        Dask's specification of the node at each place, by the node's name.
    scheduler
        Dask's specification of the scheduler.
    """

    def __init__(self, places: Mapping[str, dict[str, Any]], scheduler: dict[str, Any]) -> None:
        self._places = places
        super().__init__(scheduler=scheduler, silence_logs=50, shutdown_on_close=False)

    @property
    def _supports_scaling(self) -> bool:
        return True

    def scale(self, n: int = 0, **_: Any) -> Any:  # noqa: ANN401 - as Dask has it
        """Have so many nodes, or as many as there are places."""
        return super().scale(min(n, len(self._places)))

    def new_worker_spec(self) -> dict[str, dict[str, Any]]:
        """Return the first place that is free, and its node."""
        name = next(name for name in self._places if name not in self.worker_spec)
        return {name: self._places[name]}
