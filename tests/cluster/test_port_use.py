"""A port that is taken is named, with the process that has it."""

from __future__ import annotations

import os
import socket

import pytest

from frontburner.cluster.node_processes import NoNodes, local_nodes
from frontburner.cluster.port_use import port_problem


def test_a_farm_whose_port_is_taken_says_by_whom(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("FRONTBURNER_HOME", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(NoNodes) as refused, local_nodes(0, port=port):
            pass
    assert f"port {port} is taken by process {os.getpid()} (" in refused.value.reason
    assert "--port 0" in refused.value.remedy


def test_a_port_that_may_not_be_used_is_not_called_taken() -> None:
    assert port_problem("127.0.0.1", 0) == ""
    assert "192.0.2.1 can't be used: Cannot assign requested address" in port_problem("192.0.2.1", 4242)
