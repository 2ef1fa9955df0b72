"""Pods of a Kubernetes cluster, with dask-kubernetes and Dask's operator. Written from their manual, never tried."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from distributed import Client
from pydantic import Field

from frontburner.cluster.arbiter_calls import install
from frontburner.cluster.backends.base import Document, NoCluster
from frontburner.cluster.dask_internals import config_variable
from frontburner.cluster.node_processes import CONFIG, WORKER_ARGUMENTS
from frontburner.cluster.running_farms import registered
from frontburner.settings import environment
from tasks.node.node_state import THREADS_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FORWARDED = ("AWS_ENDPOINT_URL",)


class KubernetesCluster(Document):
    """A fixed number of pods, with the scheduler in one of them; Dask's operator must run in the cluster."""

    kind: Literal["kubernetes"]
    image: str = Field(description="Image with Frontburner and its renderers, for scheduler and nodes.")
    nodes: int = Field(2, description="Number of nodes; it doesn't follow the work.", ge=1)
    threads: int = Field(1, description="Cores of a node.", ge=1)
    memory: str = Field("4Gi", description="Memory of a node in Kubernetes' notation.")
    name: str = Field("frontburner", description="Name of the cluster's resources.")
    namespace: str = Field("", description="Kubernetes' namespace; empty is the current one.")
    environment: dict[str, str] = Field({}, description="Further settings of the pods; nothing secret.")

    @contextmanager
    def run(self, settings_path: Path | None = None) -> Iterator[str]:  # noqa: ARG002 - the scheduler is in a pod
        """Have the operator start scheduler and nodes, and install the arbiter."""
        try:
            from dask_kubernetes.operator import KubeCluster
        except ImportError:
            raise NoCluster(
                reason="A kubernetes cluster needs the package dask-kubernetes, which isn't installed.",
                remedy="pip install dask-kubernetes, and install Dask's operator in the cluster.",
                retryable=False,
            ) from None
        namespace = {"namespace": self.namespace} if self.namespace else {}
        resources = {"cpu": str(self.threads), "memory": self.memory}
        with KubeCluster(
            name=self.name, image=self.image, n_workers=self.nodes, env=self._environment(),
            resources={"requests": resources, "limits": resources},
            worker_command=["dask", "worker", *WORKER_ARGUMENTS], **namespace,
        ) as cluster:  # fmt: skip
            with Client(cluster, set_as_default=False) as client:
                install(client)
                address: str = client.scheduler.address
            with registered(address):
                yield address

    def _environment(self) -> dict[str, str]:
        forwarded = {name: value for name, value in environment().items() if name in FORWARDED}
        return config_variable(CONFIG) | {THREADS_VARIABLE: str(self.threads)} | forwarded | self.environment
