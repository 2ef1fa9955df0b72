"""Every use Frontburner makes of Dask and Tornado beyond their documented interfaces, in one place.

Each function says why no public interface does the same. tests/cluster/test_dask_internals.py fails when an upgrade
moves something that is used here, and says what it was used for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dask.config
from distributed import Scheduler
from distributed.core import Status
from tornado.ioloop import PeriodicCallback

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from distributed import Client, Worker
    from distributed.batched import BatchedSend

WORKER_TTL = "worker-ttl"
"""Name of the scheduler's timer that restarts workers without a heartbeat."""


def set_reconnect_timeout(client: Client, seconds: float) -> None:
    """Set for how long a client looks for a scheduler it has lost.

    Dask uses the timeout of the first connection for this, too. That one should be short: a wrong address fails soon.
    """
    client._timeout = seconds  # noqa: SLF001


def scheduler_connection(client: Client) -> object:
    """Return the stream to the scheduler; another object after every reconnect, None while there is none.

    A client cancels all its futures when it reconnects, and offers no event for it.
    """
    connection: object = client.scheduler_comm
    return connection


def forget_events(scheduler: Scheduler, topic: str) -> None:
    """Delete the events of a topic.

    The scheduler keeps them as long as it runs, up to a number for each topic, and every run of a job has its own.
    """
    scheduler._broker.truncate(topic)  # noqa: SLF001


def add_handler(server: Scheduler | Worker, name: str, handler: Callable[..., Any]) -> None:
    """Answer calls of a name, as Dask's own extensions do. There is no method to register a handler."""
    server.handlers[name] = handler


def add_timer(server: Scheduler | Worker, name: str, callback: Callable[[], None], interval_ms: float) -> None:
    """Call a function at intervals from when a server starts until it closes.

    Dask starts and stops its own timers so, and has no method to add one.
    """
    server.periodic_callbacks[name] = PeriodicCallback(callback, interval_ms)


def add_startup_information(worker: Worker, name: str, describe: Callable[[Worker], Mapping[str, Any]]) -> None:
    """Have a worker send information when it joins: ``WorkerState.extra[name]`` on the scheduler.

    It is an argument of `distributed.Worker`, and a preload gets a worker that is made already.
    """
    worker.startup_information[name] = describe


def give_tasks(scheduler: Scheduler, address: str, *, give: bool) -> None:
    """Have a scheduler give a worker no more tasks, or give it some again.

    A worker pauses itself when its memory is short, and has no method by which others pause it.
    """
    status = Status.running if give else Status.paused
    scheduler.handle_worker_status_change(status, address, stimulus_id="frontburner-silence")


def certificate_serials(scheduler: Scheduler) -> dict[str, int]:
    """Return the serial number of the certificate each worker connected with, by the worker's address.

    Plugins are not given the connections that workers joined by.
    """
    comms = {address: stream.comm for address, stream in scheduler.stream_comms.items() if stream.comm}
    return {address: int(comm.extra_info["peercert"]["serialNumber"], 16) for address, comm in comms.items()}


def dashboard_url(scheduler: Scheduler) -> str:
    """Return the address of Dask's own dashboard; empty where it isn't served.

    ``dashboard_link`` of a cluster is built from a template, whether there is a dashboard or not.
    """
    server, pages = scheduler.http_server, getattr(scheduler.http_application, "applications", None)
    return f"http://{server.address}:{server.port}/status" if pages else ""


def config_variable(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment variable that hands a configuration to Dask processes on other machines.

    Dask's own clusters do the same. One variable for each key would have to spell out its type.
    """
    return {"DASK_INTERNAL_INHERIT_CONFIG": dask.config.serialize(config)}


def check_clock_before_worker_ttl(scheduler: Scheduler, check_clock: Callable[[], None]) -> None:
    """Call a function each time before the scheduler looks for workers that sent no heartbeat.

    It compares wall clock times with a configured limit, and can only be switched off as a whole.
    """
    timer = scheduler.periodic_callbacks.get(WORKER_TTL)
    if timer is None:
        return

    async def check() -> None:
        check_clock()
        await scheduler.check_worker_ttl()

    _replace_timer(scheduler, WORKER_TTL, PeriodicCallback(check, timer.callback_time))


def shift_clock(server: Scheduler | Worker, moved_s: float) -> None:
    """Adjust what a scheduler or worker derived from the wall clock before it was set by some seconds.

    `tornado.ioloop.PeriodicCallback` and `distributed.batched.BatchedSend` compute the time they run next with
    `time.time` and cannot be told to use another clock (https://github.com/tornadoweb/tornado/issues/2333).
    """
    if isinstance(server, Scheduler):
        for worker in server.workers.values():
            worker.last_seen += moved_s
    for name, timer in list(server.periodic_callbacks.items()):
        if timer.is_running():
            _replace_timer(server, name, PeriodicCallback(timer.callback, timer.callback_time, timer.jitter))
    for stream in _streams(server):
        stream.next_deadline = None
        stream.waker.set()


def _replace_timer(server: Scheduler | Worker, name: str, timer: PeriodicCallback) -> None:
    """Start another timer under a name; a callback that is running finishes."""
    server.periodic_callbacks[name].stop()
    server.periodic_callbacks[name] = timer
    timer.start()


def _streams(server: Scheduler | Worker) -> list[BatchedSend]:
    if isinstance(server, Scheduler):
        return [*server.stream_comms.values(), *server.client_comms.values()]
    return [server.batched_stream]
