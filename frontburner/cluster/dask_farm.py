"""The farm on Dask: units as futures on the node the planner chose, their pixels kept where they were rendered.

One file over 300 lines: the callbacks on Dask's threads and the messages made of them belong together.
"""

from __future__ import annotations

import queue
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from frontburner.cluster.admission import Admission
from frontburner.cluster.arbiter import NODES_TOPIC, unit_key
from frontburner.cluster.arbiter_client import ArbiterClient
from frontburner.cluster.futures import ResultLost, error_of, result_of
from frontburner.cluster.node_messages import message_of
from frontburner.dispatch.messages import POLL_S, Failed, Finished, Message
from frontburner.jobs.durations import format_span
from frontburner.plan.fair_share import ShareTerms
from storage.errors import FrontburnerError
from tasks.job_context import JobContext, TransferMode
from tasks.node.unit_ledger import record_from
from tasks.node.unit_task import record_of, render_unit, render_units

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from distributed import Client, Future

    from frontburner.cluster.build_choice import NodeReport
    from frontburner.plan.block import Block
    from tasks.job_context import PreviewSettings
    from tasks.spec import UnitSpec

NODE_TIMEOUT_S = 300.0
"""How long a job waits for a node where the farm doesn't set it, as on one of machines that are always there."""


@dataclass(kw_only=True, eq=False)
class NoNodeForJob(FrontburnerError):
    """There are nodes, but the job excludes every one."""


@dataclass(slots=True, kw_only=True)
class _Task:
    """A task on the farm, and those of its tickets that are wanted and in flight."""

    future: Future
    tickets: set[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tile:
    """The tile of a unit: the task that has it, or else the unit to load from the store."""

    unit: UnitSpec
    future: Future | None


@dataclass(slots=True, kw_only=True)
class DaskFarm:
    """A `frontburner.dispatch.messages.Farm` on the workers of a Dask scheduler.

    ``admission`` decides which of them are nodes of the job.

    Parameters
    ----------
    client
        A synchronous Dask client.
    renderer
        Name of the job's renderer.
    topic
        The job's identity; with a suffix for the run, it names the topic on which nodes report.
    store_url
        Where nodes store the job's units.
    scene, files_url, travel
        The job's scene, where its files are kept if it is sent, and when it is.
    priority, terms
        The job's priority, and the terms on which it takes nodes.
    allow_scripts
        Whether the scene's scripts may run.
    """

    client: Client
    renderer: str
    topic: str
    store_url: str
    priority: int = 50
    terms: ShareTerms = field(default_factory=ShareTerms)
    scene: str = ""
    files_url: str = ""
    travel: TransferMode = TransferMode.AUTO
    allow_scripts: bool = False
    admission: Admission = field(init=False)
    context: JobContext = field(init=False)
    _arbiter: ArbiterClient = field(init=False)
    _unit_for: Callable[[Block], UnitSpec] | None = field(init=False, default=None)
    _tasks: dict[int, _Task] = field(init=False, default_factory=dict)
    """Tasks in flight, by ticket."""
    _tiles: dict[int, _Tile] = field(init=False, default_factory=dict)
    _inbox: queue.SimpleQueue[Callable[[], Message | None]] = field(init=False, default_factory=queue.SimpleQueue)

    def __post_init__(self) -> None:
        # A topic of its own for each run: messages of a run that was interrupted must not reach the next one.
        job, self.topic = self.topic, f"{self.topic}-{secrets.token_hex(4)}"
        self.context = JobContext(
            store_url=self.store_url, topic=self.topic, files_url=self.files_url, travel=self.travel
        )
        self.admission = Admission(
            client=self.client, renderer=self.renderer, post=self._inbox.put, error_of=error_of, scene=self.scene,
            strict=self.travel is TransferMode.NO, allow_scripts=self.allow_scripts,
        )  # fmt: skip
        self._arbiter = ArbiterClient(
            client=self.client, topic=self.topic, job=job, renderer=self.renderer, priority=self.priority,
            terms=self.terms, admission=self.admission,
        )  # fmt: skip

    def __enter__(self) -> Self:
        """Enrol the job, subscribe to nodes and units, and have every node checked."""
        self._arbiter.enrol()
        self.client.subscribe_topic(NODES_TOPIC, self._on_node)
        self.client.subscribe_topic(self.topic, self._on_unit)
        for address, worker in self.client.scheduler_info(n_workers=-1)["workers"].items():
            self._node_message(str(worker["name"]), address, joined=True, **worker.get("frontburner", {}))
        return self

    def __exit__(self, *_: object) -> None:
        """Cancel all tasks and withdraw the job."""
        self.stop([*self._tasks, *self._tiles])
        self.admission.close()
        self._arbiter.withdraw()
        self.client.unsubscribe_topic(self.topic)
        self.client.unsubscribe_topic(NODES_TOPIC)

    def report_demand(self, *, exhausted: bool, work_s: float | None = None, done: float | None = None) -> None:
        """Report to the arbiter what the job has left, in seconds of a single node; cheap where nothing changed."""
        self._arbiter.report_demand(exhausted=exhausted, work_s=work_s, done=done)

    @property
    def node_timeout_s(self) -> float:
        """How long a job waits without any node."""
        return self._arbiter.node_timeout_s or NODE_TIMEOUT_S

    def prioritise(self, priority: int) -> None:
        """Change the job's priority: its share of nodes, and from the next units on their order."""
        self.priority = priority
        self._arbiter.prioritise(priority)

    def wait_for_reports(self, check: Callable[[], None] = lambda: None) -> list[NodeReport]:
        """Wait until every node that has joined reports its builds of the renderer.

        Parameters
        ----------
        check
            Called while waiting; an exception it raises ends the wait.

        Raises
        ------
        FrontburnerError
            When no node joins, or none that the job may use.
        """
        ends_s = time.monotonic() + self.node_timeout_s
        while not self.admission.complete and time.monotonic() < ends_s:
            check()
            self.messages(POLL_S)
            if self.admission.no_node_reason:
                raise NoNodeForJob(
                    reason=f"The job can have none of the farm's nodes: {self.admission.no_node_reason}.",
                    remedy="Start a node that it can have, or leave the condition out.",
                    retryable=True,
                )
        if not self.admission.reports:
            raise FrontburnerError(
                reason=f"No node answered within {format_span(self.node_timeout_s)}.",
                remedy="Start a node, or see in its log why it can't reach the scheduler.",
                retryable=True,
            )
        return self.admission.reports

    def open(self, build: str, unit_for: Callable[[Block], UnitSpec], preview: PreviewSettings | None = None) -> None:
        """Begin to admit nodes that have this build.

        Parameters
        ----------
        unit_for
            Returns the full specification of a block.
        preview
            How units are previewed while the job is rendered.
        """
        self._unit_for = unit_for
        self.context = replace(self.context, preview=preview)
        self.admission.open(build)
        self.report_demand(exhausted=False)

    def start(self, units: Mapping[int, Block], node: str) -> None:
        """Have a node render blocks in one task, in this order."""
        tickets, specs = tuple(units), [self._unit(block) for block in units.values()]
        single = len(specs) == 1
        future = self.client.submit(
            render_unit if single else render_units,
            specs[0] if single else specs,
            self.context,
            tickets[0] if single else tickets,
            key=unit_key(self.topic, tickets[0]),
            workers=[address] if (address := self.admission.addresses.get(node)) else None,
            # Should the node die after the unit is finished, another one loads its pixels from the store.
            allow_other_workers=True,
            pure=False,
            priority=self.priority,
        )
        task = _Task(future=future, tickets=set(tickets))
        for ticket, spec in zip(tickets, specs, strict=True):
            self._tasks[ticket] = task
            self._tiles[ticket] = _Tile(unit=spec, future=future if single else None)
        future.add_done_callback(partial(self._on_end, tickets, node))

    def load(self, ticket: int, block: Block) -> None:
        """Register a block that is in the store already; its tile is loaded from there."""
        self._tiles[ticket] = _Tile(unit=self._unit(block), future=None)

    def unload(self, tickets: Sequence[int]) -> None:
        """Free the pixels of finished units on the nodes; their tiles are loaded from the store."""
        for ticket in tickets:
            self._tiles[ticket] = replace(self._tiles[ticket], future=None)

    def submit_to_renderer(self, function: Callable[..., Any], *args: Any, priority: int = 0) -> Future:  # noqa: ANN401
        """Submit a task as `submit` does, to nodes that have the job's renderer as long as there are any."""
        addresses = self.admission.addresses_with_build
        where = {"workers": addresses, "allow_other_workers": True} if addresses else {}
        return self.submit(function, *args, priority=priority, **where)

    def submit(self, function: Callable[..., Any], *args: Any, priority: int = 0, **options: Any) -> Future:  # noqa: ANN401
        """Submit a task that isn't a unit; `messages` returns when it has ended."""
        if "workers" not in options and (addresses := self.admission.available_addresses):
            options |= {"workers": addresses, "allow_other_workers": True}
        future = self.client.submit(function, *args, pure=False, priority=priority, **options)
        future.add_done_callback(lambda _: self._inbox.put(lambda: None))
        return future

    def tile(self, ticket: int) -> Future | UnitSpec:
        """Return the tile of a finished unit: the future that has it, or the unit to load from the store."""
        tile = self._tiles[ticket]
        return tile.future or tile.unit

    def stop(self, tickets: Sequence[int]) -> None:
        """Cancel units. Their nodes end the renderer within moments, unless its task has other units as well."""
        cancelled = []
        for ticket in tickets:
            tile, task = self._tiles.pop(ticket, None), self._tasks.pop(ticket, None)
            if task is not None:
                task.tickets.discard(ticket)
                if not task.tickets:
                    cancelled.append(task.future)
            elif tile is not None and tile.future is not None:
                cancelled.append(tile.future)
        if cancelled:
            self.client.cancel(cancelled, force=True, reason="the unit was cancelled")

    def forget(self, tickets: Sequence[int]) -> None:
        """Forget finished units and free their pixels."""
        for ticket in tickets:
            self._tiles.pop(ticket, None)

    def messages(self, timeout_s: float) -> list[Message]:
        """Return what happened since the last call; waits up to ``timeout_s`` for the first message."""
        messages: list[Message] = []
        try:
            received = self._inbox.get(timeout=timeout_s)
            while True:
                if (message := received()) is not None:
                    messages.append(message)
                received = self._inbox.get_nowait()
        except queue.Empty:
            return messages

    # Callbacks on Dask's threads: they only post to the inbox, which the dispatcher's thread reads.

    def _on_node(self, event: tuple[float, dict[str, Any]]) -> None:
        self._inbox.put(partial(self._node_message, **event[1]))

    def _on_unit(self, event: tuple[float, dict[str, Any]]) -> None:
        self._inbox.put(partial(self._unit_message, event[1]))

    def _on_end(self, tickets: Sequence[int], node: str, future: Future) -> None:
        for ticket in tickets:
            self._inbox.put(partial(self._end_message, ticket, node, future))

    def _end(self, ticket: int) -> bool:
        """Note that a ticket is no longer in flight; returns whether it was."""
        task = self._tasks.pop(ticket, None)
        if task is not None:
            task.tickets.discard(ticket)
        return task is not None

    def _unit(self, block: Block) -> UnitSpec:
        assert self._unit_for is not None, "open() comes before the first unit"
        return self._unit_for(block)

    def _node_message(
        self, node: str, address: str, *, joined: bool, yields: bool = False, **_: object
    ) -> Message | None:
        if not joined:
            return self.admission.node_left(address)
        self.admission.node_joined(node, address, yields=yields)
        return None

    def _unit_message(self, report: dict[str, Any]) -> Message | None:
        if "record" not in report:
            return message_of(report)
        if not self._end(report["ticket"]):
            return None
        record, short = record_from(report["record"]), bool(report.get("short_of_memory"))
        return Finished(ticket=report["ticket"], record=record, short_of_memory=short)

    def _end_message(self, ticket: int, node: str, future: Future) -> Message | None:
        """Return how a future ended: its error, or its record should the node's report have been lost."""
        if not self._end(ticket):
            return None
        if future.status == "finished":
            record = self.client.submit(record_of, self.tile(ticket), self.context, pure=False)
            with suppress(ResultLost):  # the node is gone; the unit is in the store, where the next attempt finds it
                return Finished(ticket=ticket, record=result_of(record, wait=True))
        self._tiles.pop(ticket, None)
        return Failed(ticket=ticket, error=error_of(future, node))
