"""The farm on Dask: units as futures on the node the planner chose, their pixels kept where they were made."""

from __future__ import annotations

import queue
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from frontburner.cluster.admission import Admission
from frontburner.cluster.arbiter import unit_key
from frontburner.cluster.arbiter_client import ArbiterClient
from frontburner.cluster.futures import ResultLost, error_of, result_of
from frontburner.cluster.node_messages import message_of
from frontburner.cluster.worker_watch import TOPIC as NODES_TOPIC
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

PATIENCE_S = 300.0
"""How long a job waits without a node, where the farm doesn't say: on one whose nodes are machines that are there."""


@dataclass(kw_only=True, eq=False)
class NoNodeForJob(FrontburnerError):
    """There are nodes, but the job excludes every one."""


@dataclass(slots=True, kw_only=True)
class _Task:
    """A task on the farm, and those of its tickets that are still wanted and not done."""

    future: Future
    live: set[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tile:
    """A unit's tile: the task that has it, or what to load from the store."""

    unit: UnitSpec
    future: Future | None


@dataclass(slots=True, kw_only=True)
class DaskFarm:
    """A `frontburner.dispatch.messages.Farm` on the workers of a Dask scheduler.

    ``admission`` says which of them are nodes of the job.

    Parameters
    ----------
    client
        A synchronous Dask client.
    renderer
        Name of the job's renderer.
    topic, store_url
        Under which name nodes send the job's news, and where they keep its units. The name is the job's identity.
    scene, files_url, travel
        The job's scene, where its files are kept if they travel, and when they do.
    priority, terms
        How urgent the job is, and on what terms it takes nodes.
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
    admission: Admission = field(init=False)
    _part: ArbiterClient = field(init=False)
    _unit_for: Callable[[Block], UnitSpec] | None = field(init=False, default=None)
    desk: JobContext = field(init=False)
    _tasks: dict[int, _Task] = field(init=False, default_factory=dict)
    """Tickets under way."""
    _tiles: dict[int, _Tile] = field(init=False, default_factory=dict)
    _inbox: queue.SimpleQueue[Callable[[], Message | None]] = field(init=False, default_factory=queue.SimpleQueue)

    def __post_init__(self) -> None:
        # Its own name for every run: news of a run that was cut off must not reach the next one.
        job, self.topic = self.topic, f"{self.topic}-{secrets.token_hex(4)}"
        self.desk = JobContext(store_url=self.store_url, topic=self.topic, files_url=self.files_url, travel=self.travel)
        self.admission = Admission(client=self.client, renderer=self.renderer, post=self._inbox.put, error_of=error_of,
                                   scene=self.scene, strict=self.travel is TransferMode.NO)  # fmt: skip
        self._part = ArbiterClient(
            client=self.client, topic=self.topic, job=job, renderer=self.renderer, priority=self.priority,
            terms=self.terms, admission=self.admission,
        )  # fmt: skip

    def __enter__(self) -> Self:
        """Listen to nodes and units, and have every node that is there checked."""
        self._part.enrol()
        self.client.subscribe_topic(NODES_TOPIC, self._hear_node)
        self.client.subscribe_topic(self.topic, self._hear_unit)
        for address, name in _workers(self.client).items():
            self.admission.arrive(name, address)
        return self

    def __exit__(self, *_: object) -> None:
        """Call everything back and stop listening."""
        self.stop([*self._tasks, *self._tiles])
        self.admission.close()
        self._part.withdraw()
        self.client.unsubscribe_topic(self.topic)
        self.client.unsubscribe_topic(NODES_TOPIC)

    def tell(self, *, exhausted: bool, work_s: float | None = None) -> None:
        """Tell the arbiter what the job has left, in seconds of a single node; costs nothing where that is no news."""
        self._part.tell(exhausted=exhausted, work_s=work_s)

    @property
    def patience_s(self) -> float:
        """How long a job waits for its first node, or without any."""
        return self._part.patience_s or PATIENCE_S

    def prioritise(self, priority: int) -> None:
        """Give the job another priority: it has other nodes from the next units on."""
        self.priority = priority
        self._part.prioritise(priority)

    def survey(self, heed: Callable[[], None] = lambda: None) -> list[NodeReport]:
        """Wait for what every node that is there says of the renderer.

        Parameters
        ----------
        heed
            Called meanwhile: what it raises ends the wait.

        Raises
        ------
        FrontburnerError
            When no node comes at all, or none that the job may have.
        """
        ends_s = time.monotonic() + self.patience_s
        while not self.admission.complete and time.monotonic() < ends_s:
            heed()
            self.messages(POLL_S)
            if self.admission.why_none:
                raise NoNodeForJob(
                    reason=f"The job can have none of the farm's nodes: {self.admission.why_none}.",
                    remedy="Start a node that it can have, or leave the condition out.",
                    retryable=True,
                )
        if not self.admission.reports:
            raise FrontburnerError(
                reason=f"No node answered within {format_span(self.patience_s)}.",
                remedy="Start a node, or see in its log why it can't reach the scheduler.",
                retryable=True,
            )
        return self.admission.reports

    def open(self, build: str, unit_for: Callable[[Block], UnitSpec], shows: PreviewSettings | None = None) -> None:
        """Begin to admit nodes that have this build.

        Parameters
        ----------
        unit_for
            The full specification of a block.
        shows
            How units are shown while the job is rendered.
        """
        self._unit_for = unit_for
        self.desk = replace(self.desk, preview=shows)
        self.admission.open(build)
        self.tell(exhausted=False)

    def start(self, units: Mapping[int, Block], node: str) -> None:
        """Have a node render blocks in one task, in this order."""
        tickets, specs = tuple(units), [self._unit(block) for block in units.values()]
        alone = len(specs) == 1
        future = self.client.submit(
            render_unit if alone else render_units,
            specs[0] if alone else specs,
            self.desk,
            tickets[0] if alone else tickets,
            key=unit_key(self.topic, tickets[0]),
            workers=[address] if (address := self.admission.addresses.get(node)) else None,
            # Should the node die after the unit is done, its pixels are fetched by another from the store.
            allow_other_workers=True,
            pure=False,
            priority=self.priority,
        )
        task = _Task(future=future, live=set(tickets))
        for ticket, spec in zip(tickets, specs, strict=True):
            self._tasks[ticket] = task
            self._tiles[ticket] = _Tile(unit=spec, future=future if alone else None)
        future.add_done_callback(partial(self._hear_end, tickets, node))

    def load(self, ticket: int, block: Block) -> None:
        """Take note of a block that is in the store: whoever needs its tile loads it from there."""
        self._tiles[ticket] = _Tile(unit=self._unit(block), future=None)

    def unload(self, tickets: Sequence[int]) -> None:
        """Have nodes let go of finished units' pixels: whoever needs them loads them from the store."""
        for ticket in tickets:
            self._tiles[ticket] = replace(self._tiles[ticket], future=None)

    def submit(self, work: Callable[..., Any], *args: Any, priority: int = 0, **where: Any) -> Future:  # noqa: ANN401
        """Have a node do other work than units; `messages` returns when it has ended."""
        future = self.client.submit(work, *args, pure=False, priority=priority, **where)
        future.add_done_callback(lambda _: self._inbox.put(lambda: None))
        return future

    def tile(self, ticket: int) -> Future | UnitSpec:
        """Return a finished unit's tile: where it is on the farm, or what to load from the store."""
        tile = self._tiles[ticket]
        return tile.future or tile.unit

    def stop(self, tickets: Sequence[int]) -> None:
        """Call units back; their nodes end the renderer within moments, unless it has others to render as well."""
        called_back = []
        for ticket in tickets:
            tile, task = self._tiles.pop(ticket, None), self._tasks.pop(ticket, None)
            if task is not None:
                task.live.discard(ticket)
            if task is not None and not task.live:
                called_back.append(task.future)
            elif task is None and tile is not None and tile.future is not None:
                called_back.append(tile.future)
        if called_back:
            self.client.cancel(called_back, force=True, reason="the unit was called back")

    def forget(self, tickets: Sequence[int]) -> None:
        """Let go of finished units' pixels."""
        for ticket in tickets:
            self._tiles.pop(ticket, None)

    def messages(self, timeout_s: float) -> list[Message]:
        """What happened since the last call."""
        found: list[Message] = []
        try:
            news = self._inbox.get(timeout=timeout_s)
            while True:
                message = news()
                if message is not None:
                    found.append(message)
                news = self._inbox.get_nowait()
        except queue.Empty:
            return found

    # The listeners run on Dask's threads: they only post to the inbox, which is read by the dispatcher's.

    def _hear_node(self, event: tuple[float, dict[str, Any]]) -> None:
        news = event[1]
        self._inbox.put(partial(self._node_message, news["node"], news["address"], there=news["there"]))

    def _hear_unit(self, event: tuple[float, dict[str, Any]]) -> None:
        self._inbox.put(partial(self._unit_message, event[1]))

    def _hear_end(self, tickets: Sequence[int], node: str, future: Future) -> None:
        for ticket in tickets:
            self._inbox.put(partial(self._end_message, ticket, node, future))

    def _end(self, ticket: int) -> _Task | None:
        """Take note that a ticket is no longer under way; None if it wasn't."""
        task = self._tasks.pop(ticket, None)
        if task is not None:
            task.live.discard(ticket)
        return task

    def _unit(self, block: Block) -> UnitSpec:
        assert self._unit_for is not None, "open() comes before the first unit"
        return self._unit_for(block)

    def _node_message(self, name: str, address: str, *, there: bool) -> Message | None:
        if not there:
            return self.admission.depart(address)
        self.admission.arrive(name, address)
        return None

    def _unit_message(self, news: dict[str, Any]) -> Message | None:
        if "record" not in news:
            return message_of(news)
        if self._end(news["ticket"]) is None:
            return None
        record, short = record_from(news["record"]), bool(news.get("short_of_memory"))
        return Finished(ticket=news["ticket"], record=record, short_of_memory=short)

    def _end_message(self, ticket: int, node: str, future: Future) -> Message | None:
        """Read how a future ended: errors come only this way, and records too should their news be lost."""
        if self._end(ticket) is None:
            return None
        if future.status == "finished":
            record = self.client.submit(record_of, self.tile(ticket), self.desk, pure=False)
            with suppress(ResultLost):  # its node is gone since; the unit is in the store, and soon found there
                return Finished(ticket=ticket, record=result_of(record, waits=True))
        self._tiles.pop(ticket, None)
        return Failed(ticket=ticket, error=error_of(future, node))


def _workers(client: Client) -> dict[str, str]:
    workers = client.scheduler_info(n_workers=-1)["workers"]
    return {address: str(worker["name"]) for address, worker in workers.items()}
