"""Calls to the arbiter on a scheduler, from a job's client or from a command."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from distributed import Client, rpc
from distributed.comm import CommClosedError

from frontburner.cluster.arbiter import PREFIX, Arbiter
from frontburner.cluster.worker_watch import WorkerWatch
from frontburner.credentials.dask_security import connection_args, security_at
from frontburner.credentials.tls_probe import tls_refusal
from storage.errors import FrontburnerError

CONNECT_TIMEOUT_S = 10


def connected(scheduler: str, **options: Any) -> Client:  # noqa: ANN401 - as Dask's client has them
    """Return a client of a scheduler, with this machine's papers where it asks for some."""
    return Client(
        scheduler, timeout=CONNECT_TIMEOUT_S, set_as_default=False, security=security_at(scheduler), **options
    )


def install(client: Client) -> None:
    """Have the scheduler share nodes out, if it doesn't yet."""
    client.register_plugin(WorkerWatch())
    client.register_plugin(Arbiter())


async def install_async(client: Client) -> None:
    """Do as `install`, with a client that is awaited."""
    await client.register_plugin(WorkerWatch())
    await client.register_plugin(Arbiter())


def ask(client: Client, name: str, /, **what: Any) -> Any:  # noqa: ANN401 - as the call has it
    """Call the arbiter and wait for its answer."""
    return client.sync(getattr(client.scheduler, PREFIX + name), **what)


def post(client: Client, name: str, /, **what: Any) -> None:  # noqa: ANN401
    """Call the arbiter from any thread without waiting: a scheduler that is gone needs no news."""
    client.loop.add_callback(_quietly, client, name, what)


async def call_async(scheduler: str, name: str, /, **what: Any) -> Any:  # noqa: ANN401
    """Call the arbiter of a scheduler once."""
    async with rpc(scheduler, timeout=CONNECT_TIMEOUT_S, connection_args=connection_args(scheduler)) as remote:
        return await getattr(remote, PREFIX + name)(**what)


def call(scheduler: str, name: str, /, **what: Any) -> Any:  # noqa: ANN401
    """Call the arbiter of a scheduler once, from a command.

    Raises
    ------
    FrontburnerError
        When the scheduler can't be reached, or the arbiter refuses.
    """
    try:
        answer = _answer(scheduler, name, what)
    except (OSError, TimeoutError) as error:
        raise tls_refusal(scheduler) or FrontburnerError(
            reason=f"The scheduler {scheduler} doesn't answer: {error or type(error).__name__}.",
            remedy="Start it (`frontburner farm start`), or give the right address with --scheduler.",
            retryable=True,
        ) from None
    if isinstance(answer, dict) and "refused" in answer:
        raise FrontburnerError(reason=answer["refused"], remedy="", retryable=False)
    return answer


def _answer(scheduler: str, name: str, what: dict[str, Any]) -> Any:  # noqa: ANN401
    """Call the arbiter; a scheduler of somebody else's is given one first."""
    with suppress(CommClosedError):  # it knows no such call
        return asyncio.run(call_async(scheduler, name, **what))
    with connected(scheduler) as client:
        install(client)
        return ask(client, name, **what)


async def _quietly(client: Client, name: str, what: dict[str, Any]) -> None:
    if client.scheduler is None:  # the client was closed
        return
    try:
        await getattr(client.scheduler, PREFIX + name)(**what)
    except (OSError, TimeoutError, asyncio.CancelledError):
        return
