"""A port that is in use can't be bound, one that was just closed can; a reserved one is for the server alone."""

from __future__ import annotations

import socket
import sys

import pytest

from system.machine import platform_name
from system.ports import bind, reserved_port

HOST = "127.0.0.1"


def test_a_port_of_a_running_server_cannot_be_bound() -> None:
    with socket.create_server((HOST, 0)) as server, socket.socket() as other, pytest.raises(OSError):  # noqa: PT011
        bind(other, server.getsockname())


def test_a_port_that_was_just_closed_can_be_bound() -> None:
    with socket.create_server((HOST, 0)) as server:
        address = server.getsockname()
        client = socket.create_connection(address)
        connection, _ = server.accept()
        connection.close()  # first, so that its end of the connection waits for stray packets
    client.close()
    with socket.socket() as other:
        bind(other, address)


def test_a_server_can_bind_the_port_that_was_reserved_for_it() -> None:
    with reserved_port() as port, socket.socket() as server, socket.socket() as client:
        if sys.platform != "win32":
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as uvicorn does
        server.bind((HOST, port))
        server.listen()
        client.connect((HOST, port))


@pytest.mark.skipif(not platform_name().startswith("linux"), reason="no server could bind a port that is held for it")
def test_a_reserved_port_is_given_to_nobody_else() -> None:
    with reserved_port() as port, socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((HOST, port))
