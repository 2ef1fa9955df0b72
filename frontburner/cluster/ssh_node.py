"""A node on a machine that is reached by SSH: started over a connection, and restarted when that breaks."""

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

from frontburner.cluster.remote_node import STARTED, RemoteNodeOptions

if TYPE_CHECKING:
    from asyncssh import SSHClientProcess

RETRY_S = 15.0
CONNECT_TIMEOUT_S = 20
KEEPALIVE_S = 15
STOP_TIMEOUT_S = 15
PORT = 22
OUTPUT_CHARS = 500
log = logging.getLogger("distributed.deploy.frontburner.ssh")


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How to log in to a machine; ``name`` is the name of its node."""

    host: str
    port: int = PORT
    user: str = ""
    key: str = ""
    known_hosts: str = ""

    @classmethod
    def parse(cls, text: str, *, user: str = "", key: str = "", known_hosts: str = "") -> Self:
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
        """Return the options of asyncssh's connection."""
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
        Address of the farm's scheduler for the machine.
    environment
        Additional variables of the node's environment.
    python
        Python there; empty is the path of the one here.
    persistent
        Whether it outlives jobs.
    """

    def __init__(
        self, scheduler: str, *, login: Login, environment: dict[str, str], python: str = "", threads: int = 0,
        persistent: bool = False, name: str = "",
    ) -> None:  # fmt: skip
        super().__init__(scheduler=scheduler, name=name or login.name)
        self._login, self._python = login, python or sys.executable
        self._options = RemoteNodeOptions(
            scheduler=scheduler, name=name or login.name, threads=threads, persistent=persistent,
            environment=environment,
        )  # fmt: skip
        self._first_attempt: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to connect; a machine that is off is retried until the node is closed."""
        self._task = asyncio.create_task(self._keep_running())
        await super().start()

    async def first_error(self) -> str:
        """Wait for the first attempt; returns why it failed, empty if the node runs."""
        return await asyncio.shield(self._first_attempt)

    async def close(self) -> None:
        """End the node and the connection."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await super().close()

    async def _keep_running(self) -> None:
        while True:
            error = f"{self._login.name}: {await self._run()}."
            log.error("The node on %s It is retried.", error)
            if not self._first_attempt.done():
                self._first_attempt.set_result(error)
            await asyncio.sleep(RETRY_S)

    async def _run(self) -> str:
        """Run the node until it or the connection ends; returns why."""
        import asyncssh

        try:
            async with asyncssh.connect(**self._login.options()) as connection:
                command = f"{shlex.quote(self._python)} -m frontburner.cluster.remote_node"
                process = await connection.create_process(command, stderr=asyncssh.STDOUT)
                try:
                    process.stdin.write(json.dumps(asdict(self._options)) + "\n")
                    return await self._read_output(process)
                finally:
                    await _stop(process)
        except (OSError, asyncssh.Error) as error:
            return str(error) or type(error).__name__

    async def _read_output(self, process: SSHClientProcess[str]) -> str:
        """Read the node's output until it ends; returns the end of it."""
        output = ""
        async for line in process.stdout:
            output = (output + line)[-OUTPUT_CHARS:]
            if line.strip() == STARTED and not self._first_attempt.done():
                self._first_attempt.set_result("")
        return " ".join(output.split()) or "it ended without output"


async def _stop(process: SSHClientProcess[str]) -> None:
    """Close the node's standard input, and wait until it has ended."""
    with suppress(OSError):
        process.stdin.write_eof()
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait_closed(), STOP_TIMEOUT_S)
