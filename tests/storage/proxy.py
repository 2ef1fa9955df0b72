"""A TCP relay for tests that cuts connections on demand."""

from __future__ import annotations

import socket
from contextlib import contextmanager, suppress
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Judge = Callable[[int, bytes], bool]


def let_pass(connection: int, data: bytes) -> bool:
    return True


@contextmanager
def proxy(upstream: str, *, request: Judge = let_pass, reply: Judge = let_pass) -> Iterator[str]:
    """Relay to a server until the context ends.

    ``request`` and ``reply`` see the number of the connection and each piece of data; where one says False, the
    piece is lost and the connection cut.

    Yields
    ------
    str
        The relay's own URL.
    """
    parts = urlsplit(upstream)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        target = (parts.hostname or "", parts.port or 80)
        acceptor = Thread(target=_accept, args=(listener, target, request, reply), daemon=True)
        acceptor.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            acceptor.join()


def _accept(listener: socket.socket, target: tuple[str, int], request: Judge, reply: Judge) -> None:
    relays: list[Thread] = []
    number = 0
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            server = socket.create_connection(target)
            pair = (
                Thread(target=_relay, args=(client, server, request, number), daemon=True),
                Thread(target=_relay, args=(server, client, reply, number), daemon=True),
            )
            relays += pair
            for relay in pair:
                relay.start()
            number += 1


def _relay(source: socket.socket, sink: socket.socket, judge: Judge, number: int) -> None:
    with suppress(OSError):
        while (data := source.recv(65_536)) and judge(number, data):
            sink.sendall(data)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
    # Each direction owns the socket it reads from.
    source.close()
