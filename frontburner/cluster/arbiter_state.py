"""State of the arbiter: jobs and nodes, which job has which nodes, and why it hasn't the others. No Dask, no clock.

One file over 300 lines: the records are those of the one state that everything else in it changes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from frontburner.plan.fair_share import ShareClaim, ShareTerms, share
from tasks.node.readiness import JOB_CHECKS, Grade
from tasks.node.versions import differences, versions
from tasks.renderers import RENDERERS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from frontburner.cluster.node_settings import FarmSettings, NodeSettings
    from tasks.node.readiness import Readiness

NO_ANSWER = "it doesn't answer; its work is given to others"
SAME_VERSIONS = "Install the same versions on all machines: `make env` from the same lock file does."


class Hold(StrEnum):
    """Why a job may not use a node that is ready. Of several holds, the first in this order is shown."""

    EXCLUDED = "excluded"
    """The job must not use the node."""
    SILENT = "silent"
    """The node doesn't answer, so that nothing waits for it."""
    UNAVAILABLE = "unavailable"
    """The node takes no work from any job: it is paused, drains, is in use or outside its hours."""
    SHARE = "share"
    """Another job has the node."""


class NodeState(StrEnum):
    """What a node does."""

    IDLE = "idle"
    RENDERING = "rendering"
    PAUSED = "paused"
    DRAINING = "draining"
    IN_USE = "in use"
    OFF_HOURS = "off hours"
    SILENT = "doesn't answer"


Holds = dict[str, dict[Hold, str]]
"""The holds of a job on each node, with their reasons."""


@dataclass(slots=True, kw_only=True)
class EnrolledJob:
    """A run of a job that is enrolled.

    Parameters
    ----------
    client
        Dask client of the run; the job is withdrawn when it disconnects.
    age
        Number of the enrolment; a lower one was earlier.
    host
        Machine that submitted the job.
    exhausted
        Whether all its units are handed out.
    refused
        Nodes that can't render it, each with the reason if its renderer works there.
    work_s
        Seconds a single node would need for what is left, if known.
    updates
        Number of the last update that was received.
    done
        Part of it that is done, if known.
    """

    topic: str
    job: str
    client: str
    age: int
    priority: int
    terms: ShareTerms
    renderer: str
    host: str
    exhausted: bool = False
    refused: Mapping[str, str] = field(default_factory=dict)
    work_s: float | None = None
    updates: int = 0
    done: float | None = None


@dataclass(slots=True, kw_only=True)
class NodeInfo:
    """A node that has joined.

    Parameters
    ----------
    renders
        Which renderers work, of those that were tried.
    remedies
        What to do about each problem; empty where nothing is known.
    silent
        Whether it doesn't answer.
    yields
        Whether its machine is given back as soon as somebody uses it.
    """

    address: str
    host: str
    renders: dict[str, bool] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()
    silent: bool = False
    yields: bool = False

    def version_problems(self) -> list[str]:
        """Return how its versions differ from those of this machine, the scheduler's."""
        others = differences(versions(), self.versions)
        return [f"versions: It has {', '.join(others)}."] if others else []


@dataclass(slots=True)
class ArbiterState:
    """The enrolled jobs, the nodes, and who has which."""

    settings: FarmSettings
    jobs: dict[str, EnrolledJob] = field(default_factory=dict)
    """By the topic of their run."""
    nodes: dict[str, NodeInfo] = field(default_factory=dict)
    units: dict[str, Counter[str]] = field(default_factory=dict)
    """Units in flight on each node, by the topic of their job."""
    shares: dict[str, frozenset[str]] = field(default_factory=dict)
    _enrolled: int = 0

    def enrol(self, **fields: Any) -> EnrolledJob:  # noqa: ANN401 - fields of EnrolledJob
        """Enrol a run of a job."""
        self._enrolled += 1
        job = EnrolledJob(age=self._enrolled, **fields)
        self.jobs[job.topic] = job
        return job

    def unit_started(self, node: str, topic: str) -> None:
        """Count a unit that was handed to a node."""
        self.units.setdefault(node, Counter())[topic] += 1

    def unit_ended(self, node: str, topic: str) -> bool:
        """Count a unit that ended; returns whether nodes may have to be assigned anew."""
        units = self.units.setdefault(node, Counter())
        units[topic] -= 1
        if units[topic] > 0:
            return False
        del units[topic]
        job = self.jobs.get(topic)
        if job is None or node not in self.shares.get(topic, ()) or node not in self.nodes:
            return True
        return job.exhausted or job.renderer in self.settings.licences

    def share(self, now: datetime) -> dict[str, Holds]:
        """Assign the nodes anew; returns the holds of each job."""
        available = [
            name
            for name, node in self.nodes.items()
            if not node.silent and not self.settings.of(name).unavailable_reason(now)
        ]
        claims = [self._claim(job) for job in self.jobs.values()]
        self.shares = share(claims, available, self.settings.licences, self.shares)
        owners = {node: self.jobs[topic] for topic, nodes in self.shares.items() for node in nodes}
        return {topic: self._holds(job, owners, now) for topic, job in self.jobs.items()}

    def snapshot(self, now: datetime) -> dict[str, Any]:
        """Return nodes, jobs and licences as plain values."""
        shares = {topic: nodes for topic, nodes in self.shares.items() if topic in self.jobs}  # without withdrawn ones
        owners = {node: self.jobs[topic] for topic, nodes in shares.items() for node in nodes}
        return {
            "nodes": [self._node_document(name, owners.get(name), now) for name in sorted(self.nodes)],
            "jobs": [
                self._job_document(job) for job in sorted(self.jobs.values(), key=lambda job: (-job.priority, job.age))
            ],
            "licences": dict(self.settings.licences),
        }

    def node_status(self, node: str, now: datetime) -> dict[str, Any]:
        """Return a node that has joined, with how far its job is, as plain values."""
        owner = next(
            (self.jobs[topic] for topic, nodes in self.shares.items() if node in nodes and topic in self.jobs), None
        )
        document = self._node_document(node, owner, now)
        done = next((job.done for job in self.jobs.values() if job.job == document["job"]), None)
        return {**document, "done": done}

    def demand(self) -> list[dict[str, Any]]:
        """Return the work each job has left, and how many nodes render it."""
        return [
            {
                "work_s": job.work_s,
                "exhausted": job.exhausted,
                "busy": len(self._busy_nodes(job)),
                "max_nodes": job.terms.max_nodes,
            }
            for job in self.jobs.values()
        ]

    def node_state(self, node: str, now: datetime) -> NodeState:
        """Return what a node does."""
        settings = self.settings.of(node)
        if self.nodes[node].silent:
            return NodeState.SILENT
        if settings.draining:
            return NodeState.DRAINING
        if settings.is_paused(now):
            return NodeState.PAUSED
        if settings.in_use:
            return NodeState.IN_USE
        if settings.unavailable_reason(now):
            return NodeState.OFF_HOURS
        return NodeState.RENDERING if self.units.get(node) else NodeState.IDLE

    def report(self, node: str, readiness: Readiness) -> None:
        """Note the result of a check of a node, except what concerns a single job."""
        info = self.nodes.get(node)
        if info is None:
            return
        problems = [check for check in readiness.problems if check.name not in JOB_CHECKS]
        info.problems = tuple(f"{check.name}: {check.reason}" for check in problems)
        info.remedies = tuple(check.remedy for check in problems)
        for check in readiness.checks:
            if check.name in RENDERERS and check.grade is not Grade.ABSENT:
                info.renders[check.name] = check.name in readiness.builds

    def _busy_nodes(self, job: EnrolledJob) -> frozenset[str]:
        return frozenset(node for node, units in self.units.items() if units[job.topic] > 0)

    def _claim(self, job: EnrolledJob) -> ShareClaim:
        busy = self._busy_nodes(job)
        excluded = {node for node in self.nodes if self._exclusion_reason(job, node)}
        return ShareClaim(
            job=job.topic, priority=job.priority, age=job.age, terms=job.terms, renderer=job.renderer,
            excluded=frozenset(excluded.union(job.refused)), wants=len(busy) if job.exhausted else None, busy=busy,
        )  # fmt: skip

    def _holds(self, job: EnrolledJob, owners: Mapping[str, EnrolledJob], now: datetime) -> Holds:
        holds: Holds = {}
        for node in self.nodes:
            reasons = {
                Hold.EXCLUDED: self._exclusion_reason(job, node),
                Hold.SILENT: NO_ANSWER if self.nodes[node].silent else "",
                Hold.UNAVAILABLE: self.settings.of(node).unavailable_reason(now),
                Hold.SHARE: self._share_reason(job, node, owners.get(node)),
            }
            holds[node] = {hold: reason for hold, reason in reasons.items() if reason}
        return holds

    def _exclusion_reason(self, job: EnrolledJob, node: str) -> str:
        settings: NodeSettings = self.settings.of(node)
        if job.job in settings.excluded:
            return f"it is excluded from this job by {settings.excluded[job.job]}"
        if job.terms.groups and not set(job.terms.groups) & set(settings.groups):
            return f"it is in none of the job's groups: {', '.join(job.terms.groups)}"
        if job.terms.local is False and self.nodes[node].host == job.host:
            return "the job must not be rendered on the machine that submitted it"
        return ""

    def _share_reason(self, job: EnrolledJob, node: str, owner: EnrolledJob | None) -> str:
        if owner is job:
            others = (self.jobs.get(topic) for topic in self.units.get(node, ()) if topic != job.topic)
            other = next(filter(None, others), None)
            return f"it still renders a unit of {other.job}" if other else ""
        if owner is not None:
            return f"{owner.job} has it, priority {owner.priority}"
        limit = job.terms.max_nodes
        if limit is not None and len(self.shares[job.topic]) >= limit:
            return f"the job has its {limit} node{'s' if limit != 1 else ''}"
        if job.renderer in self.settings.licences:
            return f"all licences of {job.renderer} are in use"
        return "no job has it"

    def _left_out_reason(self, node: str, owner: EnrolledJob | None) -> str:
        """Return why a node that no job has is left out by one."""
        if owner is not None or self.units.get(node):
            return ""
        left_out = ((job.job, job.refused.get(node)) for job in self.jobs.values())
        return next((f"{job} leaves it out. {reason.rstrip('.')}" for job, reason in left_out if reason), "")

    def _node_document(self, name: str, owner: EnrolledJob | None, now: datetime) -> dict[str, Any]:
        info, settings = self.nodes[name], self.settings.of(name)
        busy = [self.jobs[topic].job for topic in self.units.get(name, ()) if topic in self.jobs]
        version_problems = info.version_problems()
        return {
            "name": name,
            "state": self.node_state(name, now).value,
            "job": busy[0] if busy else owner.job if owner else "",
            "renders": sorted(renderer for renderer, works in info.renders.items() if works),
            "groups": list(settings.groups),
            "hours": settings.hours,
            "excluded": sorted(settings.excluded),
            "why": NO_ANSWER if info.silent else settings.unavailable_reason(now) or self._left_out_reason(name, owner),
            "yields": info.yields,
            "in_use": settings.in_use,
            "in_use_since": settings.in_use_since or None,
            "paused_until": settings.paused_until or None,
            "unseen": settings.unseen,
            "address": info.address,
            "host": info.host,
            "versions": info.versions,
            "problems": [*version_problems, *info.problems],
            "remedies": [*(SAME_VERSIONS for _ in version_problems), *info.remedies],
        }

    def _job_document(self, job: EnrolledJob) -> dict[str, Any]:
        return {
            "job": job.job,
            "priority": job.priority,
            "renderer": job.renderer,
            "nodes": sorted(self.shares.get(job.topic, ())),
            "busy": sorted(self._busy_nodes(job)),
            "exhausted": job.exhausted,
        }
