"""A node on each of some machines reached by SSH, which need nothing but Frontburner and an SSH server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator

from frontburner.cluster.backends.base import NoCluster, ScaledBackend, SlotCluster
from frontburner.cluster.ssh_node import Login, SshNode
from frontburner.settings import environment

if TYPE_CHECKING:
    from distributed import SpecCluster

FORWARDED_PREFIX = "AWS_"
"""Variables of this machine's environment that nodes get: the credentials of the store."""


class SshCluster(ScaledBackend):
    """A node on each of some machines."""

    kind: Literal["ssh"]
    hosts: list[str] = Field(description="The machines, each as host, user@host or user@host:port.", min_length=1)
    user: str = Field("", description="User for hosts without one; empty is who runs the farm.")
    key: str = Field("", description="File of the private key; empty tries the usual ones and the SSH agent.")
    known_hosts: str = Field("", description="File of the hosts' keys; empty is the usual one, ~/.ssh/known_hosts.")
    python: str = Field("", description="Python with Frontburner on the hosts; empty is the path of the one here.")
    threads: int = Field(0, description="Threads of each node's renderer; 0 is one for each core.", ge=0)
    max_nodes: int = Field(10_000, description="The most nodes at once; empty is one on each host.", ge=1)

    @field_validator("hosts")
    @classmethod
    def _check_hosts(cls, value: list[str]) -> list[str]:
        names = [Login.parse(host).name for host in value]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"{repeated[0]} is there twice. A machine has one node.")
        return value

    @property
    def minimum(self) -> int:
        """The smallest number of nodes."""
        return min(super().minimum, len(self.hosts))

    @property
    def maximum(self) -> int:
        """The largest number of nodes."""
        return min(super().maximum, len(self.hosts))

    def create(self, scheduler: dict[str, Any], *, persistent: bool) -> SpecCluster:
        """Create a cluster of nodes that are started over connections."""
        try:
            import asyncssh  # noqa: F401
        except ImportError:
            raise NoCluster(
                reason="An ssh cluster needs the package asyncssh, which isn't installed.",
                remedy="pip install 'frontburner[clusters]'",
                retryable=False,
            ) from None
        logins = [Login.parse(host, user=self.user, key=self.key, known_hosts=self.known_hosts) for host in self.hosts]
        forwarded = {name: value for name, value in environment().items() if name.startswith(FORWARDED_PREFIX)}
        shared = {"python": self.python, "threads": self.threads, "persistent": persistent, "environment": forwarded}
        return SlotCluster(
            {login.name: {"cls": SshNode, "options": {"login": login, **shared}} for login in logins}, scheduler
        )

    def check_started(self, cluster: SpecCluster) -> None:
        """Raise RuntimeError if no node runs on any of the first machines; single ones are retried."""
        super().check_started(cluster)
        errors = cluster.sync(_first_errors, cluster)
        if errors and all(errors):
            raise RuntimeError(" ".join(errors))


async def _first_errors(cluster: SpecCluster) -> list[str]:
    return list(await asyncio.gather(*(node.first_error() for node in cluster.workers.values())))
