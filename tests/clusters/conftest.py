"""Every kind of cluster that can run on one machine, each with its cluster file and environment."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.clusters import slurm as slurm_cluster
from tests.clusters import sshd
from tests.end_to_end.conftest import ROOT, Studio, prefect  # noqa: F401 - a fixture of the tests here

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterUnderTest:
    """A cluster to test.

    Parameters
    ----------
    fields
        Its document without the number of nodes.
    environment
        Additional variables for programs that use it.
    slurm
        The Slurm cluster, where it is one.
    """

    fields: dict[str, Any]
    environment: dict[str, str] = field(default_factory=dict)
    slurm: slurm_cluster.Slurm | None = None

    def file(self, folder: Path, **changes: Any) -> Path:
        """Write its cluster file."""
        path = folder / "cluster.yaml"
        path.write_text(yaml.safe_dump({"cluster": {**self.fields, **changes}}))
        return path


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    folder = tmp_path / "studio"
    folder.mkdir()
    studio = Studio(home=tmp_path / "home", folder=folder)
    yield studio
    studio.end()


@contextmanager
def _local(folder: Path) -> Iterator[ClusterUnderTest]:
    yield ClusterUnderTest(fields={"kind": "local", "threads": 1})


@contextmanager
def _ssh(folder: Path) -> Iterator[ClusterUnderTest]:
    if missing := sshd.missing_requirement():
        pytest.skip(missing)
    with ExitStack() as running:
        servers = [running.enter_context(sshd.ssh_server(folder / f"machine-{n}")) for n in (1, 2)]
        keys = folder / "keys"
        keys.write_text("".join(server.known_hosts.read_text() for server in servers))
        authorized = "".join((folder / f"machine-{n}" / "user_key.pub").read_text() for n in (1, 2))
        for n in (1, 2):  # both take the key of the first
            (folder / f"machine-{n}" / "user_key.pub").write_text(authorized)
        hosts = [f"{server.user}@{server.host}:{server.port}" for server in servers]
        fields = {
            "kind": "ssh", "hosts": hosts, "key": str(servers[0].key), "known_hosts": str(keys), "threads": 1,
            "python": str(_python(folder)),
        }  # fmt: skip
        yield ClusterUnderTest(fields=fields)


@contextmanager
def _slurm(folder: Path) -> Iterator[ClusterUnderTest]:
    if missing := slurm_cluster.missing_requirement():
        pytest.skip(missing)
    with slurm_cluster.slurm(folder / "slurm") as cluster:
        fields = {
            "kind": "slurm", "threads": 1, "memory": "1 GB", "queue": slurm_cluster.PARTITION, "walltime": "00:30:00",
            "python": str(_python(folder)),
        }  # fmt: skip
        yield ClusterUnderTest(fields=fields, environment=cluster.environment, slurm=cluster)


def _python(folder: Path) -> Path:
    """A Python for the nodes with the code under test."""
    program = folder / "python"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" "$@"\n')
    program.chmod(0o755)
    return program


KINDS = {"local": _local, "ssh": _ssh, "slurm": _slurm}
SLOW = ("ssh", "slurm")


@pytest.fixture(
    scope="session", params=[pytest.param(kind, marks=[pytest.mark.slow] * (kind in SLOW)) for kind in KINDS]
)
def tested_cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ClusterUnderTest]:
    with KINDS[request.param](tmp_path_factory.mktemp(request.param)) as cluster:
        yield cluster
