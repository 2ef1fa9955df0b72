"""A node on a machine that is reached by SSH: started there over a connection, started again should that break."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import shlex
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from distributed.deploy.spec import ProcessInterface

from frontburner.cluster.remote_node import JOINED, RemoteNodeOptions

if TYPE_CHECKING:
    from asyncssh import SSHClientProcess

AGAIN_S = 15.0
CONNECT_TIMEOUT_S = 20
KEEPALIVE_S = 15
END_TIMEOUT_S = 15
PORT = 22
LAST_WORDS = 500
log = logging.getLogger("distributed.deploy.frontburner.ssh")


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How a machine is logged in to; ``name`` is what its node is called."""

    host: str
    port: int = PORT
    user: str = ""
    key: str = ""
    known_hosts: str = ""

    @classmethod
    def read(cls, text: str, *, user: str = "", key: str = "", known_hosts: str = "") -> Self:
        """Read ``user@host:port``. Raises ValueError with a sentence."""
        match = re.fullmatch(r"(?:([\w.-]+)@)?([\w.-]+)(?::(\d{1,5}))?", text)
        if match is None or text.startswith("-"):
            raise ValueError(f"'{text}' is not a machine. Write host, user@host or user@host:port.")
        return cls(host=match[2], port=int(match[3] or PORT), user=match[1] or user, key=key, known_hosts=known_hosts)

    @property
    def name(self) -> str:
        """The node's name."""
        return self.host if self.port == PORT else f"{self.host}-{self.port}"

    def options(self) -> dict[str, Any]:
        """Return what asyncssh is to be told."""
        files = {
            "client_keys": [str(Path(self.key).expanduser())] if self.key else None,
            "known_hosts": str(Path(self.known_hosts).expanduser()) if self.known_hosts else None,
            "username": self.user,
        }
        return {
            "host": self.host,
            "port": self.port,
            "connect_timeout": CONNECT_TIMEOUT_S,
            "keepalive_interval": KEEPALIVE_S,
            **{name: value for name, value in files.items() if value},
        }


class SshNode(ProcessInterface):  # type: ignore[misc]
    """A node for a `distributed.SpecCluster`.

    Parameters
    ----------
    scheduler
        The farm's scheduler, as the machine reaches it.
    environment
        What its environment has besides the machine's.
    python
        Python there; empty is the path of the one here.
    stays
        Whether it outlives jobs.
    """

    def __init__(
        self, scheduler: str, *, login: Login, environment: dict[str, str], python: str = "", threads: int = 0,
        stays: bool = False, name: str = "",
    ) -> None:  # fmt: skip
        super().__init__(scheduler=scheduler, name=name or login.name)
        self._login, self._python = login, python or sys.executable
        self._invitation = RemoteNodeOptions(
            scheduler=scheduler, name=name or login.name, threads=threads, stays=stays, environment=environment
        )
        self._began: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._keeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to connect; a machine that is off is tried again until the node isn't wanted any more."""
        self._keeping = asyncio.create_task(self._keep())
        await super().start()

    async def began(self) -> str:
        """Wait for the first attempt; why it failed, or nothing if the node runs."""
        return await asyncio.shield(self._began)

    async def close(self) -> None:
        """End the node and the connection."""
        if self._keeping is not None:
            self._keeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeping
        await super().close()

    async def _keep(self) -> None:
        while True:
            self._fail(await self._attend())
            await asyncio.sleep(AGAIN_S)

    async def _attend(self) -> str:
        """Have the node run until it ends or the connection does; returns why."""
        import asyncssh

        try:
            async with asyncssh.connect(**self._login.options()) as connection:
                command = f"{shlex.quote(self._python)} -m frontburner.cluster.remote_node"
                process = await connection.create_process(command, stderr=asyncssh.STDOUT)
                try:
                    process.stdin.write(json.dumps(asdict(self._invitation)) + "\n")
                    return await self._listen(process)
                finally:
                    await _end(process)
        except (OSError, asyncssh.Error) as error:
            return str(error) or type(error).__name__

    async def _listen(self, process: SSHClientProcess[str]) -> str:
        """Hear what the node says until it ends; returns its last words."""
        said = ""
        async for line in process.stdout:
            said = (said + line)[-LAST_WORDS:]
            if line.strip() == JOINED and not self._began.done():
                self._began.set_result("")
        return " ".join(said.split()) or "it ended without a word"

    def _fail(self, why: str) -> None:
        reason = f"{self._login.name}: {why}."
        log.error("The node on %s It is tried again.", reason)
        if not self._began.done():
            self._began.set_result(reason)


async def _end(process: SSHClientProcess[str]) -> None:
    """Ask the node to end by closing its input, and wait for that."""
    with suppress(OSError):
        process.stdin.write_eof()
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait_closed(), END_TIMEOUT_S)
