"""What all kinds of clusters have in common: a document, a scheduler, and as many nodes as the jobs need."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, Self

import dask
from distributed import SpecCluster
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from frontburner.cluster.node_log import start_error
from frontburner.cluster.node_processes import CONFIG, scheduler_spec
from frontburner.cluster.running_farms import registered
from frontburner.cluster.scaling import ScaleByWork
from frontburner.jobs.durations import parse_span
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

MAX_NODES = 10
SCALE_INTERVAL_S = 2.0
IDLE_INTERVALS = 5
"""A node is removed when it was spare for so many intervals in a row."""


class ClusterBackend(Protocol):
    """A document that a farm is started from."""

    @property
    def kind(self) -> str:
        """Its name in the document."""
        ...

    def run(self, settings_path: Path | None = None) -> AbstractContextManager[str]:
        """Run the farm; gives its scheduler's address, and ends all it started.

        Parameters
        ----------
        settings_path
            File that keeps the settings of nodes, on a persistent farm.
        """
        ...


class Document(BaseModel):
    """A part of the cluster file, without unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class ScaledBackend(Document, ABC):
    """A cluster whose number of nodes follows the work."""

    kind: str
    host: str = Field(
        "127.0.0.1", description="Address of this machine at which nodes reach the scheduler, which listens there."
    )
    port: int = Field(0, description="Port of the scheduler; 0 is any free one.", ge=0, le=65535)
    nodes: int | None = Field(None, description="Fixed number of nodes; empty is as many as jobs need.", ge=1)
    min_nodes: int = Field(0, description="Nodes that are kept without work.", ge=0)
    max_nodes: int = Field(MAX_NODES, description="The most nodes at once.", ge=1)
    end_within: str = Field(
        "10m", description="Nodes are added until what is left of all jobs should take no longer than this."
    )
    wait: str = Field(
        "1h", description="How long a job waits without a node, in a queue that is full, before it gives up."
    )

    @field_validator("end_within", "wait")
    @classmethod
    def _check_span(cls, value: str) -> str:
        parse_span(value)
        return value

    @model_validator(mode="after")
    def _check_nodes(self) -> Self:
        if self.min_nodes > self.max_nodes:
            raise ValueError(f"min_nodes {self.min_nodes}: is more than max_nodes, which is {self.max_nodes}.")
        return self

    @property
    def minimum(self) -> int:
        """The smallest number of nodes."""
        return self.nodes or self.min_nodes

    @property
    def maximum(self) -> int:
        """The largest number of nodes."""
        return self.nodes or self.max_nodes

    @abstractmethod
    def create(self, scheduler: dict[str, Any], *, persistent: bool) -> SpecCluster:
        """Create the cluster without nodes.

        Parameters
        ----------
        scheduler
            Specification of the farm's scheduler, which runs in this process.
        persistent
            Whether nodes outlive jobs.
        """
        ...

    def check_started(self, cluster: SpecCluster) -> None:
        """Raise RuntimeError if the first nodes could not be requested."""
        cluster.sync(_wait_for, cluster)

    @contextmanager
    def run(self, settings_path: Path | None = None) -> Iterator[str]:
        """Run a scheduler here and nodes on the cluster, see `ClusterBackend`."""
        scheduler = scheduler_spec(
            host=self.host, port=self.port, settings_path=settings_path, node_timeout_s=parse_span(self.wait)
        )
        with dask.config.set(CONFIG), self.create(scheduler, persistent=settings_path is not None) as cluster:
            try:
                cluster.scale(self.minimum)
                self.check_started(cluster)
            except RuntimeError as error:
                raise NoCluster(
                    reason=f"The {self.kind} cluster gave no node: {start_error(error)}.",
                    remedy="Correct the cluster file accordingly.",
                    retryable=False,
                ) from None
            cluster.adapt(
                Adaptive=ScaleByWork, minimum=self.minimum, maximum=self.maximum, interval=f"{SCALE_INTERVAL_S} s",
                wait_count=IDLE_INTERVALS, end_within_s=parse_span(self.end_within),
            )  # fmt: skip
            with registered(cluster.scheduler_address):
                yield cluster.scheduler_address


class SlotCluster(SpecCluster):  # type: ignore[misc]
    """A Dask cluster of named slots with at most one node each; the first free one is used first.

    Parameters
    ----------
    slots
        Dask's specification of the node of each slot, by its name.
    scheduler
        Dask's specification of the scheduler.
    """

    def __init__(self, slots: Mapping[str, dict[str, Any]], scheduler: dict[str, Any]) -> None:
        self._slots = slots
        # Dask scales only clusters with a specification of new workers; `new_worker_spec` overrides it.
        worker = next(iter(slots.values()))
        super().__init__(scheduler=scheduler, worker=worker, silence_logs=50, shutdown_on_close=False)

    def scale(self, n: int = 0, **_: Any) -> Any:  # noqa: ANN401 - as of SpecCluster
        """Scale to a number of nodes, or to the number of slots."""
        return super().scale(min(n, len(self._slots)))

    def new_worker_spec(self) -> dict[str, dict[str, Any]]:
        """Return the first free slot and its node."""
        name = next(name for name in self._slots if name not in self.worker_spec)
        return {name: self._slots[name]}


class NoCluster(FrontburnerError):
    """A cluster that can't be used as the cluster file says."""


async def _wait_for(cluster: SpecCluster) -> None:
    await cluster
