"""Certificates that were taken back while nodes are there, or away: all of them refuse those from then on."""

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
from tests.gateway.conftest import gateway

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from distributed import SpecCluster

    from frontburner.credentials.authority import CertificateFiles
    from tests.gateway.conftest import Gate


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
def gate(manager: Studio, farm: SpecCluster) -> Iterator[Gate]:
    with gateway(manager.home / "gate", scheduler=farm.scheduler_address) as running:
        yield running


def places(farm: SpecCluster, name: str) -> list[tuple[str, int]]:
    """Where a node that is there listens, with its worker and with its nanny."""
    for state in farm.scheduler.workers.copy().values():
        if state.name == name:
            return [get_address_host_port(address) for address in (state.address, state.nanny)]
    return []


def accepts(place: tuple[str, int], papers: CertificateFiles) -> bool:
    """Whether whoever has these papers is heard at a place: Dask says the first word then."""
    context = FarmSecurity(papers).get_connection_args("worker")["ssl_context"]
    with (
        suppress(OSError),
        socket.create_connection(place, TIMEOUT_S) as raw,
        context.wrap_socket(raw) as line,
    ):
        return bool(line.recv(1))
    return False


def comes_to_refuse(place: tuple[str, int], papers: CertificateFiles) -> None:
    until(lambda: not accepts(place, papers))


def ended(node: subprocess.Popen[str]) -> None:
    node.terminate()
    node.communicate(timeout=TIMEOUT_S)


def test_nodes_refuse_what_is_taken_back_whether_they_are_there_or_come_back(
    tmp_path: Path, manager: Studio, farm: SpecCluster, gate: Gate
) -> None:
    racks = {name: Studio(home=tmp_path / name, folder=tmp_path) for name in ("n1", "n2")}
    rack = gate.token("node", "rack")

    def start(name: str, *options: str) -> subprocess.Popen[str]:
        return racks[name].start("node", "join", *options, "--name", name, "--threads", "1")

    def revoke(name: str) -> None:
        done = manager.run("token", "revoke", name)
        assert done.returncode == 0, done.stderr

    lost, stolen, good = (
        join(gate.url, gate.token("node", name), tmp_path / "others", f"of-{name}").files
        for name in ("lost", "stolen", "good")
    )
    with ExitStack() as stack:
        first, second = (stack.enter_context(start(name, gate.url, "--token", rack)) for name in ("n1", "n2"))
        stack.callback(first.kill)
        stack.callback(second.kill)
        there = [place for name in ("n1", "n2") for place in until(partial(places, farm, name))]
        assert all(accepts(place, papers) for place in there for papers in (lost, stolen, good))
        revoke("lost")
        for place in there:
            comes_to_refuse(place, lost)
        assert all(accepts(place, papers) for place in there for papers in (stolen, good))

        ended(second)
        until(lambda: not places(farm, "n2"))
        revoke("stolen")
        comes_to_refuse(there[0], stolen)
        again = stack.enter_context(start("n2"))
        stack.callback(again.kill)
        for place in until(lambda: places(farm, "n2")):
            comes_to_refuse(place, stolen)
            assert not accepts(place, lost)
            assert accepts(place, good)

        revoke("node-n1")
        until(lambda: not places(farm, "n1"))
        assert places(farm, "n2"), "of nodes, only the one whose certificate was taken back is sent away"
        _, said = first.communicate(timeout=TIMEOUT_S)
        assert first.returncode == 2
        assert "the certificate of this machine was revoked on the manager" in said
        assert "frontburner node join --token TOKEN" in said
        ended(again)


def test_whom_a_scheduler_turns_away_is_told_why(
    tmp_path: Path, manager: Studio, farm: SpecCluster, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "desk"
    member = log_in(gate.url, gate.token("operate", "anna"), home)
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
    assert tls_refusal("tls://127.0.0.1:9") is None, "of who isn't there nothing is known"
