"""Nodes as batch jobs of Slurm, PBS and other batch systems, with dask-jobqueue."""

from __future__ import annotations

import shlex
import shutil
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from frontburner.cluster.backends.base import NoCluster, ScaledBackend
from frontburner.cluster.dask_internals import config_variable
from frontburner.cluster.node_processes import CONFIG, WORKER_ARGUMENTS
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
    """Nodes as batch jobs. This machine must be one that can submit batch jobs."""

    kind: Literal["slurm", "pbs", "sge", "lsf", "oar", "moab", "htcondor"]
    threads: int = Field(description="Cores of a node, which its batch job requests.", ge=1)
    memory: str = Field(description="Memory of a node, such as 16 GB, which its batch job requests.")
    queue: str = Field("", description="Queue or partition; empty is the default.")
    walltime: str = Field("", description="Time limit of a batch job in the batch system's notation, such as 04:00:00.")
    directives: list[str] = Field([], description="Further lines for the batch system, such as --gres=gpu:1.")
    setup: list[str] = Field([], description="Commands of the batch job before the node starts, such as module loads.")
    python: str = Field("", description="Python with Frontburner on the nodes; empty is the path of the one here.")
    logs: str = Field("", description="Folder, shared with nodes, for the output of batch jobs; empty is in the home.")
    options: dict[str, Any] = Field({}, description="Further options of dask-jobqueue's class, such as account.")

    def create(self, scheduler: dict[str, Any], *, persistent: bool) -> SpecCluster:
        """Create a cluster of dask-jobqueue."""
        class_name, submit = SYSTEMS[self.kind]
        try:
            import dask_jobqueue
        except ImportError:
            raise NoCluster(
                reason=f"A {self.kind} cluster needs the package dask-jobqueue, which isn't installed.",
                remedy="pip install 'frontburner[clusters]'",
                retryable=False,
            ) from None
        if shutil.which(submit) is None:
            raise NoCluster(
                reason=f"There is no {submit} on this machine, so it can't submit batch jobs to {self.kind}.",
                remedy="Start the farm on a machine that can submit batch jobs.",
                retryable=False,
            )
        logs = self.logs or str(Settings().home / "logs" / self.kind)
        try:
            cluster: SpecCluster = getattr(dask_jobqueue, class_name)(
                name=self.kind, cores=self.threads, memory=self.memory, processes=1, python=self.python or None,
                worker_extra_args=WORKER_ARGUMENTS,
                job_script_prologue=[*self._exports(persistent=persistent), *self.setup],
                job_extra_directives=self.directives, log_directory=logs, scheduler_options=scheduler["options"],
                silence_logs="critical", **self._options(),
            )  # fmt: skip
        except (ValueError, TypeError) as error:
            raise NoCluster(
                reason=f"dask-jobqueue refuses the {self.kind} cluster: {error}",
                remedy="Its options are in https://jobqueue.dask.org.",
                retryable=False,
            ) from None
        return cluster

    def _options(self) -> dict[str, Any]:
        named = {"queue": self.queue, "walltime": self.walltime}
        return {name: value for name, value in named.items() if value} | self.options

    def _exports(self, *, persistent: bool) -> list[str]:
        """Return the environment of a node as shell commands. Everybody can read batch jobs: no secrets here."""
        environment = config_variable(CONFIG) | {THREADS_VARIABLE: str(self.threads)}
        if persistent:
            environment[CHECK_VARIABLE] = "1"
        return [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
