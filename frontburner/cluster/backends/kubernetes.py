"""Pods of a Kubernetes cluster, by dask-kubernetes and Dask's operator. Written by their manual, and untried."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import dask
import dask.config
from distributed import Client
from pydantic import Field

from frontburner.cluster.arbiter_calls import install
from frontburner.cluster.backends.base import Document, NoCluster
from frontburner.cluster.node_processes import CONFIG, TASKS_PER_NODE
from frontburner.cluster.running_farms import registered
from frontburner.settings import environment
from tasks.node.node_state import THREADS_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PASSED_ON = ("AWS_ENDPOINT_URL",)


class KubernetesCluster(Document):
    """A number of pods, the scheduler in one of them; Dask's operator must run in the cluster."""

    kind: Literal["kubernetes"]
    image: str = Field(description="Image with Frontburner and its renderers; scheduler and nodes are made of it.")
    nodes: int = Field(2, description="So many nodes; they are not scaled with the work.", ge=1)
    threads: int = Field(1, description="Cores of a node.", ge=1)
    memory: str = Field("4Gi", description="Memory of a node, as Kubernetes has it.")
    name: str = Field("frontburner", description="What the cluster's resources are called.")
    namespace: str = Field("", description="Kubernetes' namespace; empty is the present one.")
    environment: dict[str, str] = Field({}, description="Further settings of the pods; nothing secret.")

    @contextmanager
    def opened(self, standings: Path | None = None) -> Iterator[str]:  # noqa: ARG002 - the scheduler is in a pod
        """Have the operator start scheduler and nodes, and share the nodes out."""
        try:
            from dask_kubernetes.operator import KubeCluster
        except ImportError:
            raise NoCluster(
                reason="A kubernetes cluster needs the package dask-kubernetes, which isn't here.",
                remedy="pip install dask-kubernetes, and install Dask's operator in the cluster.",
                retryable=False,
            ) from None
        where = {"namespace": self.namespace} if self.namespace else {}
        asked = {"cpu": str(self.threads), "memory": self.memory}
        with KubeCluster(
            name=self.name, image=self.image, n_workers=self.nodes, env=self._settings(),
            resources={"requests": asked, "limits": asked}, worker_command=_command(), **where,
        ) as cluster:  # fmt: skip
            with Client(cluster, set_as_default=False) as client:
                install(client)
                address: str = client.scheduler.address
            with registered(address):
                yield address

    def _settings(self) -> dict[str, Any]:
        passed_on = {name: value for name, value in environment().items() if name in PASSED_ON}
        return {
            "DASK_INTERNAL_INHERIT_CONFIG": dask.config.serialize(CONFIG),
            THREADS_VARIABLE: str(self.threads),
            **passed_on,
            **self.environment,
        }


def _command() -> list[str]:
    return [
        "dask",
        "worker",
        "--nthreads",
        str(TASKS_PER_NODE),
        "--preload",
        "frontburner.cluster.preload",
        "--no-dashboard",
    ]
