"""Batch systems of computing centres, by dask-jobqueue: every node is a batch job of theirs."""

from __future__ import annotations

import shlex
import shutil
from typing import TYPE_CHECKING, Any, Literal

import dask.config
from pydantic import Field

from frontburner.cluster.backends.base import NoCluster, ScaledBackend
from frontburner.cluster.node_processes import CONFIG, TASKS_PER_NODE
from frontburner.settings import Settings
from tasks.node.node_state import CHECK_VARIABLE, THREADS_VARIABLE

if TYPE_CHECKING:
    from distributed import SpecCluster

SYSTEMS = {
    "slurm": ("SLURMCluster", "sbatch"),
    "pbs": ("PBSCluster", "qsub"),
    "sge": ("SGECluster", "qsub"),
    "lsf": ("LSFCluster", "bsub"),
    "oar": ("OARCluster", "oarsub"),
    "moab": ("MoabCluster", "msub"),
    "htcondor": ("HTCondorCluster", "condor_submit"),
}


class JobQueueCluster(ScaledBackend):
    """Nodes as batch jobs. This machine must be one that batch jobs can be given from."""

    kind: Literal["slurm", "pbs", "sge", "lsf", "oar", "moab", "htcondor"]
    threads: int = Field(description="Cores of a node; its batch job asks for so many.", ge=1)
    memory: str = Field(description="Memory of a node, such as 16 GB; its batch job asks for so much.")
    queue: str = Field("", description="Queue or partition; empty is the default.")
    walltime: str = Field(
        "", description="When a batch job ends at the latest, as the batch system has it, such as 04:00:00."
    )
    directives: list[str] = Field([], description="Further lines for the batch system, such as --gres=gpu:1.")
    setup: list[str] = Field([], description="Commands of the batch job before the node starts, such as module loads.")
    python: str = Field("", description="Python with Frontburner on the nodes; empty is the path of the one here.")
    logs: str = Field("", description="Folder, seen by nodes, of what batch jobs say; empty is in this machine's home.")
    options: dict[str, Any] = Field({}, description="Further options of dask-jobqueue's class, such as account.")

    def make(self, scheduler: dict[str, Any], *, stays: bool) -> SpecCluster:
        """Make a cluster of dask-jobqueue's."""
        class_name, submit = SYSTEMS[self.kind]
        try:
            import dask_jobqueue
        except ImportError:
            raise NoCluster(
                reason=f"A {self.kind} cluster needs the package dask-jobqueue, which isn't here.",
                remedy="pip install 'frontburner[clusters]'",
                retryable=False,
            ) from None
        if shutil.which(submit) is None:
            raise NoCluster(
                reason=f"There is no {submit} on this machine, so {self.kind} takes no batch jobs from it.",
                remedy="Start the farm on a machine that batch jobs can be given from.",
                retryable=False,
            )
        logs = self.logs or str(Settings().home / "logs" / self.kind)
        try:
            cluster: SpecCluster = getattr(dask_jobqueue, class_name)(
                name=self.kind, cores=self.threads, memory=self.memory, processes=1, python=self.python or None,
                worker_extra_args=_node_arguments(), job_script_prologue=[*self._exports(stays=stays), *self.setup],
                job_extra_directives=self.directives, log_directory=logs, scheduler_options=scheduler["options"],
                silence_logs="critical", **self._asked(),
            )  # fmt: skip
        except (ValueError, TypeError) as error:
            raise NoCluster(
                reason=f"dask-jobqueue refuses the {self.kind} cluster: {error}",
                remedy="Its options are in https://jobqueue.dask.org.",
                retryable=False,
            ) from None
        return cluster

    def _asked(self) -> dict[str, Any]:
        named = {"queue": self.queue, "walltime": self.walltime}
        return {name: value for name, value in named.items() if value} | self.options

    def _exports(self, *, stays: bool) -> list[str]:
        """What makes a worker a node of ours: nothing of it is a secret, as everybody can read batch jobs."""
        settings = {
            "DASK_INTERNAL_INHERIT_CONFIG": dask.config.serialize(CONFIG),
            THREADS_VARIABLE: str(self.threads),
            CHECK_VARIABLE: "1" if stays else "",
        }
        return [f"export {name}={shlex.quote(value)}" for name, value in settings.items() if value]


def _node_arguments() -> list[str]:
    return ["--nthreads", str(TASKS_PER_NODE), "--preload", "frontburner.cluster.preload", "--no-dashboard"]
