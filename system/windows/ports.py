"""Ports of Windows, where SO_REUSEADDR would take the port of a server that is running."""

from __future__ import annotations

import socket
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

assert sys.platform == "win32"


def bind(server: socket.socket, address: Any) -> None:  # noqa: ANN401 - it depends on the family
    """Bind a socket as a server does: to a port that was closed moments ago, but not to one that is in use.

    Raises `OSError`.
    """
    server.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    server.bind(address)


@contextmanager
def reserved_port() -> Iterator[int]:
    """Give a port of this machine that is free.

    It can't be held for a server, which couldn't bind it then. Windows gives each of its free ports in turn, so another
    process doesn't get it soon.
    """
    with socket.socket() as holder:
        bind(holder, ("127.0.0.1", 0))
        port = holder.getsockname()[1]
    yield port
