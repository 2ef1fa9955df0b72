"""Nodes on this machine, as many as jobs need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from distributed import Nanny
from pydantic import Field

from frontburner.cluster.backends.base import ScaledBackend, SlotCluster
from frontburner.cluster.node_processes import default_nodes, node_options
from system.machine import cores

if TYPE_CHECKING:
    from distributed import SpecCluster


class LocalCluster(ScaledBackend):
    """Processes of this machine."""

    kind: Literal["local"]
    max_nodes: int = Field(default_factory=default_nodes, description="The most nodes at once.", ge=1)
    threads: int = Field(0, description="Threads of each node's renderer; 0 divides the cores among the nodes.", ge=0)

    def create(self, scheduler: dict[str, Any], *, persistent: bool) -> SpecCluster:
        """Create a cluster of nannies."""
        threads = self.threads or max(1, cores() // self.maximum)
        options = {**node_options(threads=threads, persistent=persistent), "host": self.host}
        slots = {f"node-{index + 1}": {"cls": Nanny, "options": options} for index in range(self.maximum)}
        return SlotCluster(slots, scheduler)
