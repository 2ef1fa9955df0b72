"""The arbiter: a scheduler plugin that assigns nodes to the enrolled jobs and tells each job which nodes it may use.

Jobs and commands call it over the scheduler's own connections (`frontburner.cluster.arbiter_calls`). Changes are
published to each job as an event with the complete state, so that a lost event does no harm.

One file over 300 lines: it is one plugin of the scheduler, all of whose methods share its state.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any

from distributed.diagnostics.plugin import SchedulerPlugin

from frontburner.cluster.arbiter_state import ArbiterState, NodeInfo
from frontburner.cluster.clock_jump import ClockJumpWatch
from frontburner.cluster.dask_internals import add_handler, dashboard_url, forget_events, give_tasks
from frontburner.cluster.farm_paths import kept_table
from frontburner.cluster.node_settings import FarmSettings
from frontburner.cluster.silence import LOST_AFTER, SILENT_AFTER, Silence
from frontburner.cluster.silence import POLL_S as SILENCE_POLL_S
from frontburner.cluster.working_hours import format_hours, parse_hours
from frontburner.plan.fair_share import ShareTerms
from tasks.node.readiness import readiness_from

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from distributed import Scheduler
    from distributed.scheduler import WorkerState

    from frontburner.cluster.arbiter_state import Holds
    from system.paths import Table

PREFIX = "frontburner_"
"""Prefix of the arbiter's calls among the scheduler's own."""
UNIT = "unit-"
"""Prefix of the keys of units; the topic of their job and their number follow."""
NODES_TOPIC = "frontburner-nodes"
"""Topic on which joining and leaving nodes are announced."""
SETTLE_S = 0.02
"""Changes within this time are answered together."""
POLL_S = 30.0
"""Working hours are checked at least this often, since the clock may be set."""
RETIRE_POLL_S = 0.5
RETIRE_TIMEOUT_S = 30.0

log = logging.getLogger(__name__)


def holds_topic(topic: str) -> str:
    """Return the topic on which a job is told its holds."""
    return f"{topic}-holds"


def unit_key(topic: str, ticket: int) -> str:
    """Return the key of a job's unit on the scheduler."""
    return f"{UNIT}{topic}-{ticket}"


class Arbiter(SchedulerPlugin):  # type: ignore[misc]
    """Assigns nodes to jobs.

    Parameters
    ----------
    settings_path
        File that keeps the settings of nodes when the scheduler restarts; None keeps them in memory.
    node_timeout_s
        How long jobs wait for a node; None leaves it to the jobs.
    """

    name = "frontburner-arbiter"
    idempotent = True

    def __init__(self, settings_path: Path | None = None, *, node_timeout_s: float | None = None) -> None:
        self._settings_path, self._node_timeout_s = settings_path, node_timeout_s

    async def start(self, scheduler: Scheduler) -> None:
        """Start with the nodes that have joined already."""
        self._scheduler = scheduler
        self.state = ArbiterState(FarmSettings(path=self._settings_path))
        self.state.settings.load()
        if self._settings_path is None:
            self.state.settings.paths = kept_table()
        self._running_on: dict[str, tuple[str, str]] = {}
        """Node and topic of each unit, by its key."""
        self._published: dict[str, Holds] = {}
        self._dismissed: set[str] = set()
        self._retiring: set[str] = set()
        self._background: set[asyncio.Task[None]] = set()
        self._next_share: asyncio.TimerHandle | None = None
        for call in (
            self.enrol, self.update_job, self.prioritise, self.withdraw, self.configure_node, self.exclude,
            self.license, self.remove, self.dismissed, self.snapshot, self.node_status, self.report, self.demand,
            self.paths, self.map_paths,
        ):  # fmt: skip
            add_handler(scheduler, PREFIX + call.__name__, call)
        self._run_in_background(ClockJumpWatch(server=scheduler).run())
        self._run_in_background(self._watch_silence())
        for address in scheduler.workers:
            self.add_worker(scheduler, address)

    async def close(self) -> None:
        """Stop."""
        if self._next_share is not None:
            self._next_share.cancel()
        for task in self._background:
            task.cancel()

    # Calls of jobs.

    def enrol(
        self, topic: str, job: str, client: str, priority: int, renderer: str, host: str, terms: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Enrol a run of a job; returns its holds, and how long it should wait for a node."""
        self.state.enrol(
            topic=topic, job=job, client=client, priority=priority, renderer=renderer, host=host,
            terms=ShareTerms(**{**terms, "groups": tuple(terms["groups"])}),
        )  # fmt: skip
        self._share()
        return {"holds": self._published[topic], "node_timeout_s": self._node_timeout_s}

    def update_job(
        self, topic: str, number: int, *, exhausted: bool, renders: Mapping[str, bool], refused: Mapping[str, str],
        work_s: float | None = None, done: float | None = None,
    ) -> None:  # fmt: skip
        """Note how much work a job has left, where its renderer works, and which nodes it refuses."""
        job = self.state.jobs.get(topic)
        if job is None or number <= job.updates:  # calls may overtake each other
            return
        for node, works in renders.items():
            if node in self.state.nodes:
                self.state.nodes[node].renders[job.renderer] = works
        job.updates, job.work_s, job.exhausted, job.done = number, work_s, exhausted, done
        job.refused = {**dict.fromkeys((node for node, works in renders.items() if not works), ""), **refused}
        self._share_soon()

    def prioritise(self, job: str, priority: int) -> dict[str, Any]:
        """Change the priority of a job, given by its identity or by the topic of its run."""
        runs = [run for run in self.state.jobs.values() if job in (run.job, run.topic)]
        for run in runs:
            run.priority = priority
        self._share_soon()
        return {} if runs else _refused("job", job, sorted({run.job for run in self.state.jobs.values()}))

    def withdraw(self, topic: str) -> None:
        """Remove a run of a job."""
        if self.state.jobs.pop(topic, None) is not None:
            self._published.pop(topic, None)
            forget_events(self._scheduler, topic)
            forget_events(self._scheduler, holds_topic(topic))
            self._share_soon()

    # Calls of commands and nodes.

    def configure_node(self, node: str, *, joining: bool = False, **changes: Any) -> dict[str, Any]:  # noqa: ANN401
        """Change the settings of a node, which must have joined unless it is just ``joining``.

        ``paused_for_s`` is how long a pause lasts, which otherwise ends when the node is resumed.
        """
        if not joining and node not in self.state.nodes and node not in self.state.settings.nodes:
            return _refused("node", node, sorted(self.state.nodes))
        if "groups" in changes:
            changes["groups"] = tuple(changes["groups"])
        try:
            changes |= {"hours": format_hours(parse_hours(changes["hours"]))} if "hours" in changes else {}
        except ValueError as error:
            return {"refused": f"hours: {error}"}
        now_s = _now().timestamp()
        if "paused" in changes:
            lasts_s = changes.pop("paused_for_s", None)
            changes["paused_until"] = now_s + lasts_s if lasts_s else 0.0
        if "in_use" in changes:
            changes["in_use_since"] = now_s if changes["in_use"] else 0.0
        if joining:
            self._dismissed.discard(node)
        self.state.settings.change(node, **changes)
        self._share_soon()
        return {}

    def exclude(self, node: str, job: str, by: str) -> dict[str, Any]:
        """Exclude a node from a job; an empty ``by`` includes it again."""
        excluded = dict(self.state.settings.of(node).excluded)
        excluded.pop(job, None)
        return self.configure_node(node, excluded=excluded | ({job: by} if by else {}))

    def license(self, renderer: str, most: int | None) -> dict[str, Any]:
        """Limit how many nodes may use a renderer at once."""
        self.state.settings.license(renderer, most)
        self._share_soon()
        return {}

    def paths(self) -> Table:
        """Return the folders that have several names."""
        return self.state.settings.paths

    def map_paths(self, table: Iterable[Iterable[str]]) -> bool:
        """Replace that table; returns whether it is kept when the scheduler ends."""
        self.state.settings.map_paths(tuple(map(tuple, table)))
        return self._settings_path is not None

    async def remove(self, node: str) -> dict[str, Any]:
        """Remove a node now; other nodes render its units again."""
        if node not in self.state.nodes:
            return _refused("node", node, sorted(self.state.nodes))
        await self._dismiss(node, self.state.nodes[node].address)
        return {}

    def report(self, node: str, readiness: Mapping[str, Any]) -> None:
        """Note the result of a check of a node."""
        self.state.report(node, readiness_from(readiness))

    def dismissed(self, node: str) -> bool:
        """Whether a node was removed on purpose, so that it must not rejoin by itself."""
        return node in self._dismissed

    def snapshot(self) -> dict[str, Any]:
        """Return the state of nodes, jobs and licences."""
        snapshot = self.state.snapshot(_now())
        for node in snapshot["nodes"]:
            node.update(_metrics(self._scheduler.workers.get(node["address"])))
        return {**snapshot, "dashboard": dashboard_url(self._scheduler)}

    def node_status(self, node: str) -> dict[str, Any]:
        """Return a node as in `snapshot`, with how far its job is."""
        if node not in self.state.nodes:
            return _refused("node", node, sorted(self.state.nodes))
        return self.state.node_status(node, _now())

    def demand(self) -> list[dict[str, Any]]:
        """Return the work each job has left, by which clusters scale."""
        return self.state.demand()

    # Hooks of the scheduler.

    def add_worker(self, scheduler: Scheduler, worker: str) -> None:
        """Add a node that joined, and announce it."""
        state = scheduler.workers[worker]
        info = state.extra.get("frontburner", {})
        self.state.nodes[str(state.name)] = NodeInfo(
            address=worker, host=info.get("host", state.host), versions=info.get("versions", {}),
            yields=bool(info.get("yields")),
        )  # fmt: skip
        joined = {"node": str(state.name), "address": worker, "joined": True, "yields": bool(info.get("yields"))}
        scheduler.log_event(NODES_TOPIC, joined)
        self._share_soon()

    def remove_worker(self, scheduler: Scheduler, worker: str, **_: Any) -> None:  # noqa: ANN401
        """Remove a node that left, and announce it. Its settings are kept, except those that end with it."""
        name = next((name for name, info in self.state.nodes.items() if info.address == worker), "")
        scheduler.log_event(NODES_TOPIC, {"node": name, "address": worker, "joined": False})
        if name:
            del self.state.nodes[name]
            self._retiring.discard(name)
            self.state.settings.change(name, draining="", in_use="", in_use_since=0.0, unseen="")
            self._share_soon()

    def remove_client(self, scheduler: Scheduler, client: str) -> None:  # noqa: ARG002
        """Withdraw the jobs of a client that disconnected."""
        for topic in [topic for topic, job in self.state.jobs.items() if job.client == client]:
            self.withdraw(topic)

    def transition(self, key: str, start: str, finish: str, *_: Any, **__: Any) -> None:  # noqa: ANN401
        """Count the units that start and end on nodes."""
        if not isinstance(key, str) or not key.startswith(UNIT):
            return
        if start == "processing" and (ended := self._running_on.pop(key, None)) and self.state.unit_ended(*ended):
            self._share_soon()
        if finish == "processing" and (task := self._scheduler.tasks.get(key)) and task.processing_on:
            unit = str(task.processing_on.name), key.removeprefix(UNIT).rpartition("-")[0]
            self._running_on[key] = unit
            self.state.unit_started(*unit)

    def _share_soon(self, delay_s: float = SETTLE_S) -> None:
        loop = asyncio.get_running_loop()
        if self._next_share is not None:
            if self._next_share.when() <= loop.time() + delay_s:
                return
            self._next_share.cancel()
        self._next_share = loop.call_later(delay_s, self._share)

    def _share(self) -> None:
        """Assign the nodes anew, and publish the holds of each job for which they changed."""
        if self._next_share is not None:
            self._next_share.cancel()
            self._next_share = None
        now = _now()
        self.state.settings.end_pauses(now)
        for topic, holds in self.state.share(now).items():
            if self._published.get(topic) != holds:
                self._published[topic] = holds
                self._scheduler.log_event(holds_topic(topic), {"holds": holds})
        self._retire_drained()
        next_s = self.state.settings.next_change(now)
        if next_s is not None:
            self._share_soon(min(next_s, POLL_S))

    def _retire_drained(self) -> None:
        """Retire the draining nodes that have no unit left."""
        draining = {name: info for name, info in self.state.nodes.items() if self.state.settings.of(name).draining}
        for name, info in draining.items():
            worker = self._scheduler.workers.get(info.address)
            if worker is not None and not worker.processing and name not in self._retiring:
                self._retiring.add(name)
                self._run_in_background(self._retire(name, info.address))
        if draining:
            self._share_soon(RETIRE_POLL_S)

    async def _watch_silence(self) -> None:
        """Hold nodes that don't answer, and have those that go on not to answer started again."""
        silence = Silence()
        while True:
            await asyncio.sleep(SILENCE_POLL_S)
            workers = self._scheduler.workers
            polls = silence.poll({address: worker.last_seen for address, worker in workers.items()})
            for name, info in self.state.nodes.items():
                silent = polls.get(info.address, 0) >= SILENT_AFTER
                if silent != info.silent:
                    log.warning("The node %s %s.", name, "doesn't answer" if silent else "answers again")
                    info.silent = silent
                    give_tasks(self._scheduler, info.address, give=not silent)
                    self._share_soon()
            if lost := [address for address, count in polls.items() if count == LOST_AFTER]:
                self._run_in_background(self._restart(lost))

    async def _restart(self, addresses: list[str]) -> None:
        """Have nodes started again by their nannies, which may not answer either; their work is given to others."""
        await self._scheduler.restart_workers(
            addresses, wait_for_workers=False, on_error="return", stimulus_id=f"{self.name}-restarts-silent-nodes"
        )

    def _run_in_background(self, coroutine: Any) -> None:  # noqa: ANN401
        task = asyncio.get_running_loop().create_task(coroutine)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _retire(self, node: str, address: str) -> None:
        """Move the tiles in a node's memory to other nodes, then close it."""
        self._dismissed.add(node)
        try:
            retired = self._scheduler.retire_workers([address], close_workers=True, remove=True)
            await asyncio.wait_for(retired, RETIRE_TIMEOUT_S)
        except Exception:
            log.exception("The tiles of node %s could not be moved; the store has all of them.", node)
        if address in self._scheduler.workers:  # it was the last node, or did not answer
            await self._dismiss(node, address)

    async def _dismiss(self, node: str, address: str) -> None:
        self._dismissed.add(node)
        await self._scheduler.remove_worker(address, stimulus_id=f"{self.name}-removes-{node}", close=True)


def _metrics(worker: WorkerState | None) -> dict[str, Any]:
    """Return a node's platform, threads, memory in bytes and processor use in percent; None where it has left."""
    if worker is None:
        return {"platform": None, "threads": None, "memory_bytes": None, "memory_used_bytes": None, "cpu_percent": None}
    return {
        "platform": worker.extra.get("frontburner", {}).get("platform"),
        "threads": worker.extra.get("frontburner", {}).get("threads"),
        "memory_bytes": worker.memory_limit or None,
        "memory_used_bytes": worker.metrics.get("memory"),
        "cpu_percent": worker.metrics.get("cpu"),
    }


def _refused(kind: str, name: str, known: list[str]) -> dict[str, Any]:
    available = f"There are {', '.join(known)}." if known else "There is none."
    return {"refused": f"No {kind} is called {name}. {available}"}


def _now() -> datetime:
    """Return the local time, with its time zone."""
    return datetime.now().astimezone()
