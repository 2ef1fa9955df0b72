"""A Slurm cluster of this machine alone, with its own munge key, ports, folders and daemons, without systemd."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from system.machine import is_root
from tests.clusters.daemons import daemon
from tests.storage import seaweed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "sinfo")
PARTITION = "render"
CPUS = 4
"""What the node claims to have, whatever the machine has: batch jobs of several nodes must run at the same time."""
READY_TIMEOUT_S = 600

CONFIGURATION = """
ClusterName=frontburner-test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,batch_sched_delay=0,defer_batch
ReturnToService=2
KillWait=10
MessageTimeout=30
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=8000 State=UNKNOWN
PartitionName={partition} Nodes={host} Default=YES MaxTime=01:00:00 State=UP
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slurm:
    """A cluster that runs; programs of Slurm find it by the environment."""

    folder: Path
    environment: dict[str, str]

    def jobs(self) -> list[str]:
        """States and names of the batch jobs that are in the queue."""
        command = ["squeue", "--noheader", "--format=%T %j"]
        done = subprocess.run(
            command, env={**os.environ, **self.environment}, capture_output=True, text=True, check=True, timeout=30
        )
        return done.stdout.split("\n")[:-1]


def missing_requirement() -> str:
    """Why no Slurm cluster can be started here; empty if one can."""
    if not is_root():
        return "only root can run Slurm's daemons for itself"
    missing = [program for program in PROGRAMS if not shutil.which(program)]
    return f"{', '.join(missing)} of Debian's slurm-wlm and munge is missing" if missing else ""


@contextmanager
def slurm(folder: Path) -> Iterator[Slurm]:
    """Run a Slurm cluster in a folder; all of it ends with the context."""
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o400)
    configuration = folder / "slurm.conf"
    controller, node = seaweed._free_ports(2)
    configuration.write_text(
        CONFIGURATION.format(
            host=socket.gethostname(), folder=folder, controller=controller, node=node, cpus=CPUS, partition=PARTITION
        )
    )
    environment = {"SLURM_CONF": str(configuration)}
    munge = [
        "munged", "--foreground", "--force", f"--key-file={key}", f"--socket={folder}/munge.socket",
        f"--pid-file={folder}/munge.pid", f"--seed-file={folder}/munge.seed", f"--log-file={folder}/munge.log",
        "--num-threads=2",
    ]  # fmt: skip
    with ExitStack() as running:
        running.enter_context(daemon(munge, folder, environment))
        running.enter_context(daemon(["slurmctld", "-D", "-c"], folder, environment))
        running.enter_context(daemon(["slurmd", "-D"], folder, environment))
        cluster = Slurm(folder=folder, environment=environment)
        _wait(cluster)
        yield cluster


def _wait(cluster: Slurm) -> None:
    """Wait until the node takes batch jobs."""
    ends_s = time.monotonic() + READY_TIMEOUT_S
    environment = {**os.environ, **cluster.environment}
    while True:
        status = subprocess.run(
            ["sinfo", "--noheader", "--format=%T"],
            check=False,
            env=environment,
            capture_output=True,
            text=True,
            timeout=30,
        )
        if status.stdout.strip() == "idle":
            return
        assert time.monotonic() < ends_s, f"Slurm isn't ready: {status.stdout}{status.stderr}{_logs(cluster.folder)}"
        time.sleep(0.2)


def _logs(folder: Path) -> str:
    return "\n".join(f"{log.name}:\n{log.read_text(errors='replace')[-2000:]}" for log in folder.glob("*.log"))
