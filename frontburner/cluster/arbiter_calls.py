"""Calls to the arbiter of a scheduler, from a job's client or from a command."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from distributed import Client, rpc
from distributed.comm import CommClosedError

from frontburner.cluster.arbiter import PREFIX, Arbiter
from frontburner.credentials.dask_security import connection_args, security_at
from frontburner.credentials.tls_probe import tls_refusal
from storage.errors import FrontburnerError

CONNECT_TIMEOUT_S = 10


def connected(scheduler: str, **options: Any) -> Client:  # noqa: ANN401 - options of Dask's client
    """Return a client of a scheduler, with this machine's certificate where the scheduler wants one."""
    return Client(
        scheduler, timeout=CONNECT_TIMEOUT_S, set_as_default=False, security=security_at(scheduler), **options
    )


def install(client: Client) -> None:
    """Install the arbiter on a scheduler that has none."""
    client.register_plugin(Arbiter())


async def install_async(client: Client) -> None:
    """Do as `install`, with an asynchronous client."""
    await client.register_plugin(Arbiter())


def ask(client: Client, name: str, /, **arguments: Any) -> Any:  # noqa: ANN401 - depends on the call
    """Call the arbiter and return its answer."""
    return client.sync(getattr(client.scheduler, PREFIX + name), **arguments)


def post(client: Client, name: str, /, **arguments: Any) -> None:  # noqa: ANN401
    """Call the arbiter from any thread without waiting; nothing happens where the scheduler is gone."""
    client.loop.add_callback(_post, client, name, arguments)


async def _post(client: Client, name: str, arguments: dict[str, Any]) -> None:
    if client.scheduler is not None:  # else the client was closed
        with suppress(OSError, TimeoutError, asyncio.CancelledError):
            await getattr(client.scheduler, PREFIX + name)(**arguments)


async def call_async(address: str, name: str, /, **arguments: Any) -> Any:  # noqa: ANN401
    """Call the arbiter of a scheduler, or a node, once."""
    async with rpc(address, timeout=CONNECT_TIMEOUT_S, connection_args=connection_args(address)) as remote:
        return await getattr(remote, PREFIX + name)(**arguments)


def call(scheduler: str, name: str, /, **arguments: Any) -> Any:  # noqa: ANN401
    """Call the arbiter of a scheduler once, from a command.

    Raises
    ------
    FrontburnerError
        When the scheduler can't be reached, or the arbiter refuses.
    """
    try:
        answer = _call(scheduler, name, arguments)
    except (OSError, TimeoutError) as error:
        raise tls_refusal(scheduler) or FrontburnerError(
            reason=f"The scheduler {scheduler} doesn't answer: {error or type(error).__name__}.",
            remedy="Start it (`frontburner farm start`), or give the right address with --scheduler.",
            retryable=True,
        ) from None
    if isinstance(answer, dict) and "refused" in answer:
        raise FrontburnerError(reason=answer["refused"], remedy="", retryable=False)
    return answer


def _call(scheduler: str, name: str, arguments: dict[str, Any]) -> Any:  # noqa: ANN401
    """Call the arbiter; it is installed first on a scheduler that was started without one."""
    with suppress(CommClosedError):  # the scheduler has no such call
        return asyncio.run(call_async(scheduler, name, **arguments))
    with connected(scheduler) as client:
        install(client)
        return ask(client, name, **arguments)
