"""The arbiter: lives on the scheduler, shares its nodes out among the jobs that enrol, and tells each what it may use.

Jobs and commands reach it by the scheduler's own connections (`frontburner.cluster.arbiter_calls`); what changes is
announced to each job as an event, whole every time, so that none can be missed.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any

from distributed.diagnostics.plugin import SchedulerPlugin

from frontburner.cluster.arbiter_state import ArbiterState, NodeSeen
from frontburner.cluster.clock_jump import ClockJumpWatch
from frontburner.cluster.node_metrics import dashboard, measures
from frontburner.cluster.node_settings import NodeSettings
from frontburner.cluster.working_hours import hours_text, parse_hours
from frontburner.plan.fair_share import ShareTerms
from tasks.node.readiness import readiness_from

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from distributed import Scheduler

    from frontburner.cluster.arbiter_state import Holds

PREFIX = "frontburner_"
"""What its calls begin with, among the scheduler's own."""
UNIT = "unit-"
"""What keys of units begin with; the topic of their job and their number follow."""
SETTLE_S = 0.02
"""What happens within this time is answered once."""
LOOK_S = 30.0
"""The clock may be set: hours are looked at this often at least."""
RETIRE_LOOK_S = 0.5
RETIRE_TIMEOUT_S = 30.0

log = logging.getLogger(__name__)


def holds_topic(topic: str) -> str:
    """Return the topic under which a job hears what keeps nodes from it."""
    return f"{topic}-holds"


def unit_key(topic: str, ticket: int) -> str:
    """Return the key of a job's unit on the scheduler."""
    return f"{UNIT}{topic}-{ticket}"


class Arbiter(SchedulerPlugin):  # type: ignore[misc]
    """Shares nodes out among jobs.

    Parameters
    ----------
    kept_in
        The file in which the standings of nodes are kept from one scheduler to the next; None keeps none.
    patience_s
        How long jobs wait for a node; None is as long as they do by themselves.
    """

    name = "frontburner-arbiter"
    idempotent = True

    def __init__(self, kept_in: Path | None = None, *, patience_s: float | None = None) -> None:
        self._kept_in, self._patience_s = kept_in, patience_s

    async def start(self, scheduler: Scheduler) -> None:
        """Take up work with the nodes that are there."""
        self._scheduler = scheduler
        self.roll = ArbiterState(NodeSettings(kept_in=self._kept_in))
        self.roll.standings.load()
        self._unit_on: dict[str, tuple[str, str]] = {}
        self._told: dict[str, Holds] = {}
        self._dismissed: set[str] = set()
        self._retiring: set[str] = set()
        self._work: set[asyncio.Task[None]] = set()
        self._due: asyncio.TimerHandle | None = None
        calls = (
            self.enrol, self.tell, self.prioritise, self.withdraw, self.stand, self.exclude, self.license,
            self.remove, self.dismissed, self.snapshot, self.report, self.needs,
        )  # fmt: skip
        scheduler.handlers.update({PREFIX + call.__name__: call for call in calls})
        self._begin(ClockJumpWatch(server=scheduler).run())
        for address in scheduler.workers:
            self.add_worker(scheduler, address)

    async def close(self) -> None:
        """Stop."""
        if self._due is not None:
            self._due.cancel()
        for work in self._work:
            work.cancel()

    # What jobs ask.

    def enrol(
        self, topic: str, job: str, client: str, priority: int, renderer: str, host: str, terms: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Have a run of a job take part; returns what keeps nodes from it, and how long it should wait for one."""
        stands = ShareTerms(**{**terms, "groups": tuple(terms["groups"])})
        self.roll.enrol(
            topic=topic, job=job, client=client, priority=priority, renderer=renderer, host=host, terms=stands
        )
        self._share()
        return {"holds": self._told[topic], "patience_s": self._patience_s}

    def tell(
        self, topic: str, nth: int, *, exhausted: bool, renders: Mapping[str, bool], refused: Iterable[str] = (),
        work_s: float | None = None,
    ) -> None:  # fmt: skip
        """Take in how much a job has left to hand out, where its renderer works, and which nodes it refuses."""
        job = self.roll.jobs.get(topic)
        if job is None or nth <= job.told:  # calls may overtake each other
            return
        job.told, job.work_s = nth, work_s
        for node, works in renders.items():
            if node in self.roll.nodes:
                self.roll.nodes[node].renders[job.renderer] = works
        job.exhausted, job.refused = (
            exhausted,
            frozenset([*refused, *(node for node, works in renders.items() if not works)]),
        )
        self._share_soon()

    def prioritise(self, job: str, priority: int) -> dict[str, Any]:
        """Give a job another priority, by its identity or by the topic of its run."""
        runs = [run for run in self.roll.jobs.values() if job in (run.job, run.topic)]
        for run in runs:
            run.priority = priority
        self._share_soon()
        known = sorted({run.job for run in self.roll.jobs.values()})
        return {} if runs else _refused("job", job, known)

    def withdraw(self, topic: str) -> None:
        """End a job's part."""
        if self.roll.jobs.pop(topic, None) is not None:
            self._told.pop(topic, None)
            for own in (topic, holds_topic(topic)):  # else the scheduler keeps the news of every run there ever was
                self._scheduler._broker.truncate(own)  # noqa: SLF001 - Dask has no other way
            self._share_soon()

    # What people and nodes ask.

    def stand(self, node: str, *, coming: bool = False, **changes: Any) -> dict[str, Any]:  # noqa: ANN401
        """Change how a node stands. One that is only coming needn't be there yet."""
        if not coming and node not in self.roll.nodes and node not in self.roll.standings.nodes:
            return _refused("node", node, sorted(self.roll.nodes))
        if "groups" in changes:
            changes["groups"] = tuple(changes["groups"])
        try:
            changes |= {"hours": hours_text(parse_hours(changes["hours"]))} if "hours" in changes else {}
        except ValueError as error:
            return {"refused": f"hours: {error}"}
        if coming:
            self._dismissed.discard(node)
        self.roll.standings.change(node, **changes)
        self._share_soon()
        return {}

    def exclude(self, node: str, job: str, by: str) -> dict[str, Any]:
        """Keep a node from a job; by nobody gives it back."""
        excluded = dict(self.roll.standings.of(node).excluded)
        excluded.pop(job, None)
        return self.stand(node, excluded=excluded | ({job: by} if by else {}))

    def license(self, renderer: str, most: int | None) -> dict[str, Any]:
        """Set how many nodes may render with a renderer at once."""
        self.roll.standings.license(renderer, most)
        self._share_soon()
        return {}

    async def remove(self, node: str) -> dict[str, Any]:
        """Have a node leave now; what it renders is rendered again elsewhere."""
        if node not in self.roll.nodes:
            return _refused("node", node, sorted(self.roll.nodes))
        await self._dismiss(node, self.roll.nodes[node].address)
        return {}

    def report(self, node: str, readiness: Mapping[str, Any]) -> None:
        """Take in what a check of a node found."""
        self.roll.report(node, readiness_from(readiness))

    def dismissed(self, node: str) -> bool:
        """Whether a node that is gone was sent away: it isn't to come back by itself then."""
        return node in self._dismissed

    def snapshot(self) -> dict[str, Any]:
        """Return what there is to tell of nodes, jobs and licences."""
        found = self.roll.snapshot(_now())
        for node in found["nodes"]:
            node.update(measures(self._scheduler.workers.get(node["address"])))
        found["dashboard"] = dashboard(self._scheduler)
        return found

    def needs(self) -> list[dict[str, Any]]:
        """Return what each job could use: what a cluster that grows and shrinks goes by."""
        return self.roll.needs()

    # What the scheduler tells.

    def add_worker(self, scheduler: Scheduler, worker: str) -> None:
        """Take in a node that came."""
        state = scheduler.workers[worker]
        told = state.extra.get("frontburner", {})
        self.roll.nodes[str(state.name)] = NodeSeen(
            address=worker, host=told.get("host", state.host), versions=told.get("versions", {})
        )
        self._share_soon()

    def remove_worker(self, scheduler: Scheduler, worker: str, **_: Any) -> None:  # noqa: ANN401, ARG002
        """Take note that a node is gone. How it stands is kept, but for what was to end with it."""
        name = next((name for name, seen in self.roll.nodes.items() if seen.address == worker), None)
        if name is None:
            return
        del self.roll.nodes[name]
        self._retiring.discard(name)
        self.roll.standings.change(name, draining="", in_use="")
        self._share_soon()

    def remove_client(self, scheduler: Scheduler, client: str) -> None:  # noqa: ARG002
        """Withdraw the jobs of a client that is gone."""
        for topic in [topic for topic, job in self.roll.jobs.items() if job.client == client]:
            self.withdraw(topic)

    def transition(self, key: str, start: str, finish: str, *_: Any, **__: Any) -> None:  # noqa: ANN401
        """See units begin and end on nodes."""
        if not isinstance(key, str) or not key.startswith(UNIT):
            return
        if start == "processing" and (begun := self._unit_on.pop(key, None)) and self.roll.ended(*begun):
            self._share_soon()
        if finish == "processing" and (task := self._scheduler.tasks.get(key)) and task.processing_on:
            unit = str(task.processing_on.name), key.removeprefix(UNIT).rpartition("-")[0]
            self._unit_on[key] = unit
            self.roll.begun(*unit)

    # The work.

    def _share_soon(self, delay_s: float = SETTLE_S) -> None:
        loop = asyncio.get_running_loop()
        if self._due is not None:
            if self._due.when() <= loop.time() + delay_s:
                return
            self._due.cancel()
        self._due = loop.call_later(delay_s, self._share)

    def _share(self) -> None:
        """Share out, and tell each job for which something changed."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        now = _now()
        for topic, holds in self.roll.share(now).items():
            if self._told.get(topic) != holds:
                self._told[topic] = holds
                self._scheduler.log_event(holds_topic(topic), {"holds": holds})
        self._let_go()
        next_s = self.roll.standings.next_change(now)
        if next_s is not None:
            self._share_soon(min(next_s, LOOK_S))

    def _let_go(self) -> None:
        """Have draining nodes leave that have nothing more to do."""
        draining = {name: seen for name, seen in self.roll.nodes.items() if self.roll.standings.of(name).draining}
        for name, seen in draining.items():
            state = self._scheduler.workers.get(seen.address)
            if state is not None and not state.processing and name not in self._retiring:
                self._retiring.add(name)
                self._begin(self._retire(name, seen.address))
        if draining:
            self._share_soon(RETIRE_LOOK_S)

    def _begin(self, work: Any) -> None:  # noqa: ANN401 - any coroutine
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _retire(self, node: str, address: str) -> None:
        """Have a node leave; the tiles in its memory go to others first."""
        self._dismissed.add(node)
        try:
            retired = self._scheduler.retire_workers([address], close_workers=True, remove=True)
            await asyncio.wait_for(retired, RETIRE_TIMEOUT_S)
        except Exception:
            log.exception("The node %s could not hand over what it holds; all of it is in the store.", node)
        if address in self._scheduler.workers:  # it was the last one, or it didn't answer
            await self._dismiss(node, address)

    async def _dismiss(self, node: str, address: str) -> None:
        self._dismissed.add(node)
        await self._scheduler.remove_worker(address, stimulus_id=f"{self.name}-removes-{node}", close=True)


def _refused(kind: str, name: str, known: list[str]) -> dict[str, Any]:
    there = f"There are {', '.join(known)}." if known else "There is none."
    return {"refused": f"No {kind} is called {name}. {there}"}


def _now() -> datetime:
    """Return the time on this machine's clock, in its time zone."""
    return datetime.now().astimezone()
