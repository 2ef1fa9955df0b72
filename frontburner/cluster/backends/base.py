"""What every kind of cluster promises: a scheduler of the farm's, and as many nodes on it as the jobs there need."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, Self

import dask
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from frontburner.cluster.node_log import last_words
from frontburner.cluster.node_processes import CONFIG, scheduler_spec
from frontburner.cluster.running_farms import registered
from frontburner.cluster.scaling import ScaleByWork
from frontburner.jobs.durations import parse_span
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path
    from typing import Any

    from distributed import SpecCluster

MOST_NODES = 10
LOOK_S = 2.0
"""How often it is looked whether the jobs need other nodes."""
IDLE_LOOKS = 5
"""A node that was spare at so many looks in a row goes."""


class ClusterBackend(Protocol):
    """A document that a farm is started from."""

    @property
    def kind(self) -> str:
        """What the document calls it."""
        ...

    def opened(self, standings: Path | None = None) -> AbstractContextManager[str]:
        """Run the farm; gives its scheduler's address, and ends all it started.

        Parameters
        ----------
        standings
            Where it is kept how nodes stand, on a farm that stays.
        """
        ...


class Document(BaseModel):
    """A part of a cluster's document: nothing in it that isn't known."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class ScaledBackend(Document, ABC):
    """A cluster whose nodes come and go with the work."""

    kind: str
    host: str = Field(
        "127.0.0.1", description="Address of this machine at which nodes reach the scheduler, which listens there."
    )
    port: int = Field(0, description="Port of the scheduler; 0 takes any that is free.", ge=0, le=65535)
    nodes: int | None = Field(None, description="So many nodes all the time; empty takes as many as jobs need.", ge=1)
    min_nodes: int = Field(0, description="Nodes that are kept without work.", ge=0)
    max_nodes: int = Field(MOST_NODES, description="The most nodes at once.", ge=1)
    end_within: str = Field(
        "10m", description="Nodes are added until what is left of all jobs should take no longer than this."
    )
    wait: str = Field(
        "1h", description="How long a job waits without a node, in a queue that is full, before it gives up."
    )

    @field_validator("end_within", "wait")
    @classmethod
    def _spans_read(cls, value: str) -> str:
        parse_span(value)
        return value

    @model_validator(mode="after")
    def _nodes_fit(self) -> Self:
        if self.min_nodes > self.max_nodes:
            raise ValueError(f"min_nodes {self.min_nodes}: is more than max_nodes, which is {self.max_nodes}.")
        return self

    @property
    def least(self) -> int:
        """Nodes there are at least."""
        return self.nodes or self.min_nodes

    @property
    def most(self) -> int:
        """Nodes there are at most."""
        return self.nodes or self.max_nodes

    @abstractmethod
    def make(self, scheduler: dict[str, Any], *, stays: bool) -> SpecCluster:
        """Make the cluster with no node yet.

        Parameters
        ----------
        scheduler
            Specification of the farm's scheduler, which runs in this process.
        stays
            Whether nodes outlive jobs.
        """
        ...

    def settled(self, cluster: SpecCluster) -> None:
        """Make sure that the first nodes could be asked for."""
        cluster.sync(_correct, cluster)

    @contextmanager
    def opened(self, standings: Path | None = None) -> Iterator[str]:
        """Run a scheduler here and nodes on the cluster, as `ClusterBackend` says."""
        scheduler = scheduler_spec(
            host=self.host, port=self.port, standings=standings, patience_s=parse_span(self.wait)
        )
        with dask.config.set(CONFIG), self.make(scheduler, stays=standings is not None) as cluster:
            try:
                cluster.scale(self.least)
                self.settled(cluster)
            except RuntimeError as error:
                raise NoCluster(
                    reason=f"The {self.kind} cluster gave no node: {last_words(error)}.",
                    remedy="Mend what it says in the cluster's document.",
                    retryable=False,
                ) from None
            cluster.adapt(
                Adaptive=ScaleByWork, minimum=self.least, maximum=self.most, interval=f"{LOOK_S} s",
                wait_count=IDLE_LOOKS, end_within_s=parse_span(self.end_within),
            )  # fmt: skip
            with registered(cluster.scheduler_address):
                yield cluster.scheduler_address


class NoCluster(FrontburnerError):
    """A cluster that can't be used as its document says."""


async def _correct(cluster: SpecCluster) -> None:
    await cluster
