"""Nodes on this machine, as many as jobs need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from distributed import Nanny
from pydantic import Field

from frontburner.cluster.backends.base import ScaledBackend
from frontburner.cluster.node_processes import cores, default_nodes, node_options
from frontburner.cluster.slot_cluster import SlotCluster

if TYPE_CHECKING:
    from distributed import SpecCluster


class LocalCluster(ScaledBackend):
    """Processes of this machine."""

    kind: Literal["local"]
    max_nodes: int = Field(default_factory=default_nodes, description="The most nodes at once.", ge=1)
    threads: int = Field(0, description="Threads of each node's renderer; 0 shares the cores out.", ge=0)

    def make(self, scheduler: dict[str, Any], *, stays: bool) -> SpecCluster:
        """Make a cluster of nannies."""
        threads = self.threads or max(1, cores() // self.most)
        options = {**node_options(threads=threads, stays=stays), "host": self.host}
        places = {f"node-{index + 1}": {"cls": Nanny, "options": options} for index in range(self.most)}
        return SlotCluster(places, scheduler)
