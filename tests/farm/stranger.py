"""Somebody without a token: tries every port of some machines, and everything that can be said to one that is open.

Run as a program, it prints JSON: the open ports of each address, and what each answered beyond a refusal.
"""

from __future__ import annotations

import json
import pickle
import select
import socket
import ssl
import subprocess
import sys
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path

assert sys.platform != "win32"

PORTS = 65_535
AT_ONCE = 500
PATIENCE_S = 3.0
REFUSALS = {"400", "401", "403", "404", "405", "413", "421", "426", "429", "431", "505"}
PUBLIC = {"/health": b"ok", "/ca.pem": b"-----BEGIN CERTIFICATE-----", "/login": b"<!doctype html>"}
"""What the gateway tells everybody, and how that begins: that it is there, who certified it, a page to sign in."""
PATHS = (
    "/", "/health", "/ca.pem", "/login", "/enrol", "/jobs", "/whoami", "/metrics", "/status", "/healthz",
    "/info/main/workers.html", "/json/identity.json", "/api/health", "/api/admin/version", "/prefect/",
    "/prefect/api/health", "/prefect/api/admin/settings", "/prefect/api/flow_runs/filter", "/farm?list-type=2",
    "/cluster/status", "/dir/status", "/../etc/passwd",
)  # fmt: skip


class Bomb:
    """What runs a command in whoever unpickles it."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (open, (self.path, "w"))


def open_ports(address: str) -> list[int]:
    """Return the ports of a machine that somebody listens on."""
    found: list[int] = []
    for first in range(1, PORTS + 1, AT_ONCE):
        trying = {}
        poller = select.poll()
        for port in range(first, min(first + AT_ONCE, PORTS + 1)):
            probe = socket.socket()
            probe.setblocking(False)
            probe.connect_ex((address, port))
            trying[probe.fileno()] = (probe, port)
            poller.register(probe, select.POLLOUT)
        while trying:
            ready = poller.poll(PATIENCE_S * 1000)
            if not ready:
                break
            for number, _ in ready:
                probe, port = trying.pop(number)
                poller.unregister(number)
                if probe.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                    found.append(port)
                probe.close()
        for probe, _ in trying.values():
            probe.close()
    return found


def answers(address: str, port: int, folder: Path) -> list[str]:
    """Return what an open port says to a stranger beyond a refusal."""
    bomb = folder / f"bomb-{address}-{port}"
    pickled = pickle.dumps(Bomb(str(bomb)))
    own = _certificate(folder)
    sent = {"silence": b"", "bytes": b"\x00" * 64, "a pickle": pickled, "a Dask frame": _frames(pickled)}
    found = []
    for tls in (None, own):
        how = " in TLS" if tls else ""
        found += [_beyond(f"to {what}{how}", "", _said(address, port, data, tls)) for what, data in sent.items()]
        asked = [(method, path) for path in PATHS for method in ("GET", "POST")]
        for method, path in asked:
            said = _said(address, port, _request(method, path, address), tls)
            found.append(_beyond(f"to {method} {path}{how}", path if tls and method == "GET" else "", said))
            if not said.startswith(b"HTTP/"):
                break  # it doesn't speak it: one question is enough
    if bomb.exists():
        found.append("unpickled what a stranger sent")
    return [answer for answer in found if answer]


def _said(address: str, port: int, sent: bytes, own: ssl.SSLContext | None = None) -> bytes:
    """Return what is said by a port that something was sent to; nothing where it hangs up, or stays silent."""
    said = b""
    with suppress(OSError), ExitStack() as opened:
        connection = opened.enter_context(socket.create_connection((address, port), timeout=PATIENCE_S))
        if own is not None:
            connection = opened.enter_context(own.wrap_socket(connection))
        connection.sendall(sent)
        while part := connection.recv(65_536):
            said += part
    return said


def _request(method: str, path: str, host: str) -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()


def _beyond(what: str, public: str, said: bytes) -> str:
    """Say what of an answer is more than a refusal; empty if nothing is."""
    if not said or (said[0] == 0x15 and len(said) <= 7):  # an alert of TLS
        return ""
    head, _, body = said.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    if head.startswith(b"HTTP/") and len(words) > 1:
        status = words[1].decode(errors="replace")
        telling = [line for line in head.splitlines() if line.lower().startswith(b"server:")]
        if status in REFUSALS and not telling:
            return ""
        if (
            status == "200"
            and public in PUBLIC
            and body.lower().startswith(PUBLIC[public].lower())
            and b"PRIVATE" not in body
        ):
            return ""
    return f"{what}: {said[:120]!r}"


def _frames(payload: bytes) -> bytes:
    """Return a message as Dask writes it: how many frames, how long each is, and the frames."""
    numbers = [8 + 8 + len(payload), 1, len(payload)]
    return b"".join(number.to_bytes(8, "little") for number in numbers) + payload


def _certificate(folder: Path) -> ssl.SSLContext:
    """Return TLS that believes everybody, with a certificate that nobody knows."""
    certificate, key = folder / "own.pem", folder / "own.key"
    if not certificate.exists():
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=scheduler",
             "-keyout", key, "-out", certificate],
            check=True, capture_output=True,
        )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(certificate, key)
    return context


def main(addresses: list[str]) -> None:
    """Try all ports of these addresses."""
    found: dict[str, dict[int, list[str]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for address in addresses:
            found[address] = {port: answers(address, port, Path(folder)) for port in open_ports(address)}
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
