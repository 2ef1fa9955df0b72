"""Revoked certificates are refused by all nodes, connected ones and those that come back later."""

from __future__ import annotations

import socket
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from distributed.comm import get_address_host_port

from frontburner.cluster.arbiter_calls import call
from frontburner.cluster.node_processes import local_nodes
from frontburner.credentials.authority import Authority
from frontburner.credentials.dask_security import FarmSecurity, security_for
from frontburner.credentials.joining import join, log_in
from frontburner.credentials.tls_probe import TlsRefused, tls_refusal
from tests.end_to_end.conftest import TIMEOUT_S, Studio, until
from tests.gateway.conftest import run_gateway

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from distributed import SpecCluster

    from frontburner.credentials.authority import CertificateFiles
    from tests.gateway.conftest import RunningGateway


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    home = tmp_path / "manager"
    monkeypatch.setenv("FRONTBURNER_HOME", str(home))
    return Studio(home=home, folder=tmp_path)


@pytest.fixture
def farm(manager: Studio) -> Iterator[SpecCluster]:
    security = security_for("server", manager.home / "gate")
    settings_path = manager.home / "standings.json"
    with local_nodes(0, host="127.0.0.1", settings_path=settings_path, security=security) as cluster:
        yield cluster


@pytest.fixture
def gateway(manager: Studio, farm: SpecCluster) -> Iterator[RunningGateway]:
    with run_gateway(manager.home / "gate", scheduler=farm.scheduler_address) as running:
        yield running


def addresses(farm: SpecCluster, name: str) -> list[tuple[str, int]]:
    """Addresses of the worker and the nanny of a connected node; empty if it isn't connected."""
    for state in farm.scheduler.workers.copy().values():
        if state.name == name:
            return [get_address_host_port(address) for address in (state.address, state.nanny)]
    return []


def accepts(place: tuple[str, int], files: CertificateFiles) -> bool:
    """Whether an address accepts these certificates: Dask sends the first byte then."""
    context = FarmSecurity(files).get_connection_args("worker")["ssl_context"]
    with (
        suppress(OSError),
        socket.create_connection(place, TIMEOUT_S) as raw,
        context.wrap_socket(raw) as line,
    ):
        return bool(line.recv(1))
    return False


def wait_until_refused(place: tuple[str, int], files: CertificateFiles) -> None:
    until(lambda: not accepts(place, files))


def end(node: subprocess.Popen[str]) -> None:
    node.terminate()
    node.communicate(timeout=TIMEOUT_S)


def test_connected_and_returning_nodes_refuse_revoked_certificates(
    tmp_path: Path, manager: Studio, farm: SpecCluster, gateway: RunningGateway
) -> None:
    racks = {name: Studio(home=tmp_path / name, folder=tmp_path) for name in ("n1", "n2")}
    rack = gateway.token("node", "rack")

    def start(name: str, *options: str) -> subprocess.Popen[str]:
        return racks[name].start("node", "join", *options, "--name", name, "--threads", "1")

    def revoke(name: str) -> None:
        done = manager.run("token", "revoke", name)
        assert done.returncode == 0, done.stderr

    lost, stolen, good = (
        join(gateway.url, gateway.token("node", name), tmp_path / "others", f"of-{name}").files
        for name in ("lost", "stolen", "good")
    )
    with ExitStack() as stack:
        first, second = (stack.enter_context(start(name, gateway.url, "--token", rack)) for name in ("n1", "n2"))
        stack.callback(first.kill)
        stack.callback(second.kill)
        there = [place for name in ("n1", "n2") for place in until(partial(addresses, farm, name))]
        assert all(accepts(place, files) for place in there for files in (lost, stolen, good))
        revoke("lost")
        for place in there:
            wait_until_refused(place, lost)
        assert all(accepts(place, files) for place in there for files in (stolen, good))

        end(second)
        until(lambda: not addresses(farm, "n2"))
        revoke("stolen")
        wait_until_refused(there[0], stolen)
        again = stack.enter_context(start("n2"))
        stack.callback(again.kill)
        for place in until(lambda: addresses(farm, "n2")):
            wait_until_refused(place, stolen)
            assert not accepts(place, lost)
            assert accepts(place, good)

        revoke("node-n1")
        until(lambda: not addresses(farm, "n1"))
        assert addresses(farm, "n2"), "only the node with the revoked certificate is disconnected"
        _, said = first.communicate(timeout=TIMEOUT_S)
        assert first.returncode == 2
        assert "the certificate of this machine was revoked on the manager" in said
        assert "frontburner node join --token TOKEN" in said
        end(again)


def test_a_refused_client_learns_why(
    tmp_path: Path, manager: Studio, farm: SpecCluster, gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "desk"
    member = log_in(gateway.url, gateway.token("operate", "anna"), home)
    monkeypatch.setenv("FRONTBURNER_HOME", str(home))
    assert tls_refusal(farm.scheduler_address) is None
    other = Authority.open(tmp_path / "other").certificate.public_bytes(Encoding.PEM)
    ours = member.files.authority.read_bytes()
    member.files.authority.write_bytes(other)
    with pytest.raises(TlsRefused, match="isn't the farm this machine joined"):
        call(farm.scheduler_address, "snapshot")
    member.files.authority.write_bytes(ours)
    assert manager.run("token", "revoke", "anna").returncode == 0
    with pytest.raises(TlsRefused, match="was revoked on the manager") as away:
        call(farm.scheduler_address, "snapshot")
    assert "--role operate" in away.value.remedy
    assert tls_refusal("tls://127.0.0.1:9") is None, "an unreachable scheduler refuses nothing"
