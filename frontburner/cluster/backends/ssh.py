"""Machines that are reached by SSH: each gets one node, which needs nothing there but Frontburner and an SSH server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator

from frontburner.cluster.backends.base import NoCluster, ScaledBackend
from frontburner.cluster.slot_cluster import SlotCluster
from frontburner.cluster.ssh_node import Login, SshNode
from frontburner.settings import environment

if TYPE_CHECKING:
    from distributed import SpecCluster

PASSED_ON = ("AWS_",)
"""How what nodes get of this machine's environment begins: where the pictures' store is."""


class SshCluster(ScaledBackend):
    """A node on each of some machines."""

    kind: Literal["ssh"]
    hosts: list[str] = Field(description="The machines, each as host, user@host or user@host:port.", min_length=1)
    user: str = Field("", description="Who logs in where a host doesn't say; empty is who runs the farm.")
    key: str = Field("", description="File of the private key; empty tries the usual ones and the SSH agent.")
    known_hosts: str = Field("", description="File of the hosts' own keys; empty is the usual one, ~/.ssh/known_hosts.")
    python: str = Field("", description="Python with Frontburner on the hosts; empty is the path of the one here.")
    threads: int = Field(0, description="Threads of each node's renderer; 0 is one for each core.", ge=0)
    max_nodes: int = Field(10_000, description="The most nodes at once; empty is one on each host.", ge=1)

    @field_validator("hosts")
    @classmethod
    def _hosts_read(cls, value: list[str]) -> list[str]:
        for host in value:
            Login.read(host)
        names = [Login.read(host).name for host in value]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{twice[0]} is there twice. A machine has one node.")
        return value

    @property
    def least(self) -> int:
        """Nodes there are at least."""
        return min(super().least, len(self.hosts))

    @property
    def most(self) -> int:
        """Nodes there are at most."""
        return min(super().most, len(self.hosts))

    def make(self, scheduler: dict[str, Any], *, stays: bool) -> SpecCluster:
        """Make a cluster of nodes that are started over connections."""
        try:
            import asyncssh  # noqa: F401
        except ImportError:
            raise NoCluster(
                reason="An ssh cluster needs the package asyncssh, which isn't here.",
                remedy="pip install 'frontburner[clusters]'",
                retryable=False,
            ) from None
        logins = [Login.read(host, user=self.user, key=self.key, known_hosts=self.known_hosts) for host in self.hosts]
        passed_on = {name: value for name, value in environment().items() if name.startswith(PASSED_ON)}
        shared = {"python": self.python, "threads": self.threads, "stays": stays, "environment": passed_on}
        return SlotCluster(
            {login.name: {"cls": SshNode, "options": {"login": login, **shared}} for login in logins}, scheduler
        )

    def settled(self, cluster: SpecCluster) -> None:
        """Make sure that a node runs on one of the first machines at least; the others are tried again."""
        super().settled(cluster)
        reasons = cluster.sync(_first_words, cluster)
        if reasons and all(reasons):
            raise RuntimeError(" ".join(reasons))


async def _first_words(cluster: SpecCluster) -> list[str]:
    return list(await asyncio.gather(*(node.began() for node in cluster.workers.values())))
