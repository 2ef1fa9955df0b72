"""Ports of Linux and macOS."""

from __future__ import annotations

import socket
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def bind(server: socket.socket, address: Any) -> None:  # noqa: ANN401 - it depends on the family
    """Bind a socket as a server does: to a port that was closed moments ago, but not to one that is in use.

    Raises `OSError`.
    """
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # else one that was just closed looks taken
    server.bind(address)


@contextmanager
def reserved_port() -> Iterator[int]:
    """Give a port of this machine that no other process gets by chance.

    On Linux a port that is bound but not listened to isn't chosen for a process that asks for any port, and a server
    that asks for it by its number can bind it (SO_REUSEADDR). On macOS no server could, so it is only free.
    """
    with socket.socket() as holder:
        bind(holder, ("127.0.0.1", 0))
        port = holder.getsockname()[1]
        if sys.platform == "darwin":
            holder.close()
        yield port
