"""A mail server and a web server that keep what they receive."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from frontburner.credentials.private_files import write_private
from system.ports import reserved_port
from tests.end_to_end.conftest import TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage
    from pathlib import Path

PASSWORD = "correct-horse-battery"
TOKEN = "hook-token-9f31"


@dataclass(slots=True)
class Receivers:
    """Ports of the servers, and what they received."""

    home: Path
    smtp_port: int = 0
    http_port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    hooks: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200

    def describe(self, **more: Any) -> None:
        """Write ``notify.yaml``."""
        mail = {
            "to": ["lead@studio.test"], "from": "farm@studio.test", "server": "127.0.0.1", "port": self.smtp_port,
            "security": "none", "user": "farm", "password": PASSWORD,
        }  # fmt: skip
        hook = f"http://127.0.0.1:{self.http_port}/hook?token={TOKEN}"
        targets = {"studio": {"email": mail}, "hook": {"webhook": hook}, **more}
        write_private(self.home / "notify.yaml", json.dumps(targets).encode())


class _Mailbox:
    def __init__(self, receivers: Receivers) -> None:
        self._receivers = receivers

    async def handle_DATA(self, *session: Any) -> str:  # noqa: N802 - aiosmtpd's name
        found = message_from_bytes(session[-1].content, policy=policy.default)
        self._receivers.mails.append(found)
        return "250 OK"


def _login(server: SMTP, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"farm", PASSWORD.encode())
    return AuthResult(success=good, handled=good)


@contextmanager
def run_receivers(home: Path) -> Iterator[Receivers]:
    """Run both servers until the context ends."""
    found = Receivers(home=home)

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if f"token={TOKEN}" in self.path:
                found.hooks.append(json.loads(body))
            self.send_response(found.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with reserved_port() as found.smtp_port:
        mail = Controller(
            _Mailbox(found), hostname="127.0.0.1", port=found.smtp_port, authenticator=_login, auth_require_tls=False,
            ready_timeout=TIMEOUT_S,
        )  # fmt: skip
        mail.start()
        web = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
        found.http_port = web.server_address[1]
        thread = threading.Thread(target=web.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield found
        finally:
            web.shutdown()
            thread.join()
            web.server_close()
            mail.stop()
