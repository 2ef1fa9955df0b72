"""The jobs and nodes of a farm: which job has which nodes, and for each it hasn't, why. Knows no Dask and no clock."""

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

    from frontburner.cluster.node_settings import NodeSetting, NodeSettings
    from tasks.node.readiness import Readiness


SAME_VERSIONS = "Install the same versions on all machines: `make env` from the same lock file does."


class Hold(StrEnum):
    """What can keep a node that is ready from a job. Of several, the first here is the one that is told."""

    EXCLUDED = "excluded"
    """The job isn't to have it."""
    STANDING = "standing"
    """The node takes no work from any job: it is paused, drains, or it isn't its hour."""
    SHARE = "share"
    """Another job has it."""


class NodeState(StrEnum):
    """What a node does, in one word."""

    IDLE = "idle"
    RENDERING = "rendering"
    PAUSED = "paused"
    DRAINING = "draining"
    IN_USE = "in use"
    OFF_HOURS = "off hours"


Holds = dict[str, dict[Hold, str]]
"""What keeps nodes from a job, and why."""


@dataclass(slots=True, kw_only=True)
class Enrolled:
    """A run of a job that takes part.

    Parameters
    ----------
    client
        Whose job it is: it is withdrawn when that goes away.
    host
        The machine it was given from.
    exhausted
        Whether it has nothing more to hand out.
    refused
        Nodes that can't render it.
    work_s
        Seconds that a single node would take for what is left of it, where that is known.
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
    refused: frozenset[str] = frozenset()
    work_s: float | None = None
    told: int = 0
    """How often it has told how it stands."""


@dataclass(slots=True, kw_only=True)
class NodeSeen:
    """A node that is there: where it is, what each renderer that was tried on it said, and what is wrong with it."""

    address: str
    host: str
    renders: dict[str, bool] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()
    """What to do about each of its problems; empty where nobody knows."""

    def other_versions(self) -> list[str]:
        """Say in which versions it differs from this machine, the scheduler's."""
        others = differences(versions(), self.versions)
        return [f"versions: It has {', '.join(others)}."] if others else []


@dataclass(slots=True)
class ArbiterState:
    """Who is there, and who has what."""

    standings: NodeSettings
    jobs: dict[str, Enrolled] = field(default_factory=dict)
    nodes: dict[str, NodeSeen] = field(default_factory=dict)
    units: dict[str, Counter[str]] = field(default_factory=dict)
    """Units under way on each node, by the topic of their job."""
    shares: dict[str, frozenset[str]] = field(default_factory=dict)
    _ages: int = 0

    def enrol(self, **fields: Any) -> Enrolled:  # noqa: ANN401 - as the fields are
        """Have a run of a job take part."""
        self._ages += 1
        job = Enrolled(age=self._ages, **fields)
        self.jobs[job.topic] = job
        return job

    def begun(self, node: str, topic: str) -> None:
        """Count a unit that a node was given."""
        self.units.setdefault(node, Counter())[topic] += 1

    def ended(self, node: str, topic: str) -> bool:
        """Count a unit out; returns whether that can change who has what."""
        units = self.units.setdefault(node, Counter())
        units[topic] -= 1
        if units[topic] > 0:
            return False
        del units[topic]
        job = self.jobs.get(topic)
        if job is None or node not in self.shares.get(topic, ()) or node not in self.nodes:
            return True
        return job.exhausted or job.renderer in self.standings.licences

    def share(self, now: datetime) -> dict[str, Holds]:
        """Share the nodes out anew; returns what keeps nodes from each job."""
        open_ = [node for node in self.nodes if not self.standings.of(node).why_not(now)]
        claims = [self._claim(job) for job in self.jobs.values()]
        self.shares = share(claims, open_, self.standings.licences, self.shares)
        owners = {node: self.jobs[topic] for topic, nodes in self.shares.items() for node in nodes}
        return {topic: self._holds(job, owners, now) for topic, job in self.jobs.items()}

    def snapshot(self, now: datetime) -> dict[str, Any]:
        """Return what there is to tell of nodes, jobs and licences, as plain values."""
        shares = {topic: nodes for topic, nodes in self.shares.items() if topic in self.jobs}  # some may just have left
        owners = {node: self.jobs[topic] for topic, nodes in shares.items() for node in nodes}
        return {
            "nodes": [self._node(name, owners.get(name), now) for name in sorted(self.nodes)],
            "jobs": [self._job(job) for job in sorted(self.jobs.values(), key=lambda job: (-job.priority, job.age))],
            "licences": dict(self.standings.licences),
        }

    def needs(self) -> list[dict[str, Any]]:
        """Return what is left of each job, and how many nodes have some of it."""
        return [
            {
                "work_s": job.work_s,
                "exhausted": job.exhausted,
                "busy": self._busy(job),
                "max_nodes": job.terms.max_nodes,
            }
            for job in self.jobs.values()
        ]

    def state(self, node: str, now: datetime) -> NodeState:
        """What a node does."""
        standing = self.standings.of(node)
        if standing.draining:
            return NodeState.DRAINING
        if standing.paused:
            return NodeState.PAUSED
        if standing.in_use:
            return NodeState.IN_USE
        if standing.why_not(now):
            return NodeState.OFF_HOURS
        return NodeState.RENDERING if self.units.get(node) else NodeState.IDLE

    def report(self, node: str, found: Readiness) -> None:
        """Take in what a check of a node found, but for what concerns a single job."""
        seen = self.nodes.get(node)
        if seen is None:
            return
        wrong = [check for check in found.problems if check.name not in JOB_CHECKS]
        seen.problems = tuple(f"{check.name}: {check.reason}" for check in wrong)
        seen.remedies = tuple(check.remedy for check in wrong)
        for check in found.checks:
            if check.name in RENDERERS and check.grade is not Grade.ABSENT:
                seen.renders[check.name] = check.name in found.builds

    def others_busy(self, node: str, topic: str) -> Enrolled | None:
        """Return another job that has a unit under way on a node, if there is one."""
        others = (other for other in self.units.get(node, ()) if other != topic)
        return next((self.jobs[other] for other in others if other in self.jobs), None)

    def _busy(self, job: Enrolled) -> int:
        return sum(units[job.topic] > 0 for units in self.units.values())

    def _claim(self, job: Enrolled) -> ShareClaim:
        busy = frozenset(node for node, units in self.units.items() if units[job.topic] > 0)
        barred = {node for node in self.nodes if self._excluded(job, node)}
        return ShareClaim(
            job=job.topic, priority=job.priority, age=job.age, terms=job.terms, renderer=job.renderer,
            excluded=job.refused | barred, wants=len(busy) if job.exhausted else None, busy=busy,
        )  # fmt: skip

    def _holds(self, job: Enrolled, owners: Mapping[str, Enrolled], now: datetime) -> Holds:
        found: Holds = {}
        for node in self.nodes:
            reasons = {
                Hold.EXCLUDED: self._excluded(job, node),
                Hold.STANDING: self.standings.of(node).why_not(now),
                Hold.SHARE: self._not_shared(job, node, owners.get(node)),
            }
            found[node] = {hold: why for hold, why in reasons.items() if why}
        return found

    def _excluded(self, job: Enrolled, node: str) -> str:
        standing: NodeSetting = self.standings.of(node)
        if job.job in standing.excluded:
            return f"it is excluded from this job by {standing.excluded[job.job]}"
        if job.terms.groups and not set(job.terms.groups) & set(standing.groups):
            return f"it is in none of the job's groups: {', '.join(job.terms.groups)}"
        if job.terms.local is False and self.nodes[node].host == job.host:
            return "the job isn't to be rendered on the machine it was given from"
        return ""

    def _not_shared(self, job: Enrolled, node: str, owner: Enrolled | None) -> str:
        if owner is job:
            other = self.others_busy(node, job.topic)
            return f"a unit of {other.job} ends on it first" if other else ""
        if owner is not None:
            return f"{owner.job} has it, priority {owner.priority}"
        most = job.terms.max_nodes
        if most is not None and len(self.shares[job.topic]) >= most:
            return f"the job has its {most} node{'s' if most != 1 else ''}"
        if job.renderer in self.standings.licences:
            return f"all licences of {job.renderer} are in use"
        return "no job has it"

    def _node(self, name: str, owner: Enrolled | None, now: datetime) -> dict[str, Any]:
        seen, standing = self.nodes[name], self.standings.of(name)
        busy = [self.jobs[topic].job for topic in self.units.get(name, ()) if topic in self.jobs]
        return {
            "name": name,
            "state": self.state(name, now).value,
            "job": busy[0] if busy else owner.job if owner else "",
            "renders": sorted(renderer for renderer, works in seen.renders.items() if works),
            "groups": list(standing.groups),
            "hours": standing.hours,
            "excluded": sorted(standing.excluded),
            "why": standing.why_not(now),
            "address": seen.address,
            "host": seen.host,
            "versions": seen.versions,
            "problems": [*(others := seen.other_versions()), *seen.problems],
            "remedies": [*(SAME_VERSIONS for _ in others), *seen.remedies],
        }

    def _job(self, job: Enrolled) -> dict[str, Any]:
        return {
            "job": job.job,
            "priority": job.priority,
            "renderer": job.renderer,
            "nodes": sorted(self.shares.get(job.topic, ())),
            "busy": sorted(node for node, units in self.units.items() if units[job.topic] > 0),
            "exhausted": job.exhausted,
        }
