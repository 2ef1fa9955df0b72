"""Reads and checks the cluster file; every problem is reported with its field."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from frontburner.cluster.backends.address import AddressCluster
from frontburner.cluster.backends.jobqueue import JobQueueCluster
from frontburner.cluster.backends.kubernetes import KubernetesCluster
from frontburner.cluster.backends.local import LocalCluster
from frontburner.cluster.backends.ssh import SshCluster
from frontburner.jobs.job import JobRefused
from tasks.yaml_files import read_yaml

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from frontburner.cluster.backends.base import ClusterBackend

AnyCluster = Annotated[
    LocalCluster | AddressCluster | SshCluster | JobQueueCluster | KubernetesCluster, Field(discriminator="kind")
]


class ClusterFile(BaseModel):
    """The content of a cluster file."""

    model_config = ConfigDict(extra="forbid")

    cluster: AnyCluster


def read_cluster(path: str | Path) -> ClusterBackend:
    """Read a cluster file.

    Raises
    ------
    JobRefused
        When it can't be read or isn't valid, with all problems.
    """
    path = Path(path).expanduser()
    try:
        document = read_yaml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise _refused(path, " ".join(str(error).split())) from None
    try:
        return ClusterFile.model_validate(document).cluster
    except ValidationError as error:
        raise _refused(path, *map(_problem, error.errors())) from None


def _refused(path: Path, *problems: str) -> JobRefused:
    return JobRefused(reason=f"The cluster file {path} can't be used:", remedy="", problems=problems)


def _problem(error: ErrorDetails) -> str:
    """Return a sentence on a field, without the names of the models in between."""
    where = ".".join(str(part) for part in (error["loc"][:1] + error["loc"][2:]))
    match error["type"]:
        case "missing":
            return f"{where}: is missing."
        case "extra_forbidden":
            return f"{where}: is not a field."
        case "union_tag_invalid" | "union_tag_not_found":
            return f"cluster.kind: give one of {error['ctx'].get('expected_tags', _kinds())}."
        case _:
            return f"{where}: {error['msg'].removeprefix('Value error, ')}"


def _kinds() -> str:
    return "'local', 'address', 'ssh', 'slurm', 'pbs', 'sge', 'lsf', 'oar', 'moab', 'htcondor', 'kubernetes'"
