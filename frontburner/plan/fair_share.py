"""Which job gets which nodes: by priority, fairly among equals, within licences, and with as few moves as possible.

Pure: jobs and nodes go in, an allocation comes out.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareTerms:
    """A job's conditions for taking nodes.

    Parameters
    ----------
    min_nodes
        Nodes it gets even if jobs of a higher priority could use them.
    max_nodes
        Nodes it gets at most; None is no limit.
    groups
        Node groups it is restricted to; empty is all.
    local
        False excludes the machine it was submitted from.
    """

    min_nodes: int = 0
    max_nodes: int | None = None
    groups: tuple[str, ...] = ()
    local: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareClaim:
    """A job's claim to nodes of the farm.

    Parameters
    ----------
    age
        Position in order of arrival, lower is earlier.
    excluded
        Nodes it can't have: excluded by the user, of another group, or without its renderer.
    wants
        Number of nodes it has work for; None is any number.
    busy
        Nodes that have a unit of it in flight.
    """

    job: str
    priority: int = 50
    age: int = 0
    terms: ShareTerms = ShareTerms()
    renderer: str = ""
    excluded: frozenset[str] = frozenset()
    wants: int | None = None
    busy: frozenset[str] = frozenset()

    @property
    def limit(self) -> int | float:
        """Nodes it should get at most."""
        limits = (self.terms.max_nodes, self.wants)
        return min((limit for limit in limits if limit is not None), default=float("inf"))


def share(
    claims: Sequence[ShareClaim],
    nodes: Collection[str],
    licences: Mapping[str, int],
    previous: Mapping[str, Collection[str]],
) -> dict[str, frozenset[str]]:
    """Share nodes among jobs.

    Parameters
    ----------
    nodes
        Names of the nodes that take work.
    licences
        By renderer, the number of nodes that may render with it at once. Nodes where a job is busy count, whoever
        owns them.
    previous
        The nodes each job had before.

    Returns
    -------
    nodes by job
        Contains every job. A node is left over only if no job can use it.
    """
    allocator = _Allocator(claims, nodes, licences, previous)
    allocator.give_minimums()
    allocator.give_by_priority()
    # Nodes for which no job has work stay with jobs that are finishing, to duplicate their stragglers.
    allocator.claims = {job: replace(claim, wants=None) for job, claim in allocator.claims.items()}
    allocator.give_by_priority()
    return allocator.result()


class _Licences:
    """How many nodes may render with each renderer at once, and which are busy with it whoever owns them."""

    def __init__(self, limits: Mapping[str, int], claims: Collection[ShareClaim]) -> None:
        self.renderer = {claim.job: claim.renderer for claim in claims if claim.renderer in limits}
        self.busy: dict[str, set[str]] = {renderer: set() for renderer in limits}
        for claim in claims:
            if claim.renderer in limits:
                self.busy[claim.renderer] |= claim.busy
        self.limits = {renderer: max(limit, len(self.busy[renderer])) for renderer, limit in limits.items()}

    def needed(self, job: str | None, node: str) -> str | None:
        """Return the renderer that needs another licence if a job gets a node; None if none does."""
        renderer = self.renderer.get(job or "")
        return renderer if renderer is not None and node not in self.busy[renderer] else None


class _Allocation:
    """Which job has which node."""

    def __init__(self, licences: _Licences) -> None:
        self.owner: dict[str, str] = {}
        self.count: Counter[str] = Counter()
        self._licences = licences
        self._licensed = Counter({renderer: len(busy) for renderer, busy in licences.busy.items()})

    def give(self, moves: Sequence[tuple[str, str]]) -> bool:
        """Give nodes to jobs, taking them from their owners; does nothing if that needs too many licences."""
        if self._licences.limits and not self._license(moves):
            return False
        for _, node in moves:
            if node in self.owner:
                self.count[self.owner.pop(node)] -= 1
        for job, node in moves:
            self.owner[node] = job
            self.count[job] += 1
        return True

    def _license(self, moves: Sequence[tuple[str, str]]) -> bool:
        licensed = self._licensed.copy()
        for job, node in moves:
            licensed[self._licences.needed(self.owner.get(node), node) or ""] -= 1
            licensed[self._licences.needed(job, node) or ""] += 1
        if any(licensed[renderer] > limit for renderer, limit in self._licences.limits.items()):
            return False
        self._licensed = licensed
        return True


class _Allocator:
    """Gives out one node at a time to the job whose turn it is. Other jobs swap nodes to make that possible."""

    def __init__(
        self,
        claims: Sequence[ShareClaim],
        nodes: Collection[str],
        licences: Mapping[str, int],
        previous: Mapping[str, Collection[str]],
    ) -> None:
        self.claims = {claim.job: claim for claim in sorted(claims, key=lambda claim: (claim.age, claim.job))}
        self._previous_owner = {node: job for job, had in sorted(previous.items()) for node in sorted(had)}
        self._nodes = len(nodes)
        self._licences = _Licences(licences, self.claims.values())
        self._allocation = _Allocation(self._licences)
        busy = frozenset().union(*(claim.busy for claim in claims))
        self._preferred = {job: self._by_preference(claim, sorted(nodes), busy) for job, claim in self.claims.items()}

    def give_minimums(self) -> None:
        """Give every job its minimum, by priority."""
        for claim in sorted(self.claims.values(), key=lambda claim: -claim.priority):
            minimum = min(claim.terms.min_nodes, claim.limit)
            while self._allocation.count[claim.job] < minimum and self._give_one(self._allocation, claim.job):
                pass

    def give_by_priority(self) -> None:
        """Give jobs all they can use, by priority; among equals the next node goes to the job with the fewest."""
        for priority in sorted({claim.priority for claim in self.claims.values()}, reverse=True):
            jobs = [job for job, claim in self.claims.items() if claim.priority == priority]
            while jobs:
                job = min(jobs, key=lambda job: self._allocation.count[job])  # the oldest of equals
                full = self._allocation.count[job] >= self.claims[job].limit
                if full or not self._give_one(self._allocation, job):
                    jobs.remove(job)

    def result(self) -> dict[str, frozenset[str]]:
        """Return an allocation with the counts found that moves as few nodes as possible."""
        kept = _Allocation(self._licences)
        for job, preferred in self._preferred.items():
            for node in preferred:  # the nodes it had come first, those where it is busy before others
                if self._previous_owner.get(node) == job and kept.count[job] < self._allocation.count[job]:
                    kept.give([(job, node)])
        complete = all(
            self._give_one(kept, job)
            for job, count in self._allocation.count.items()
            for _ in range(count - kept.count[job])
        )
        owner = (kept if complete else self._allocation).owner
        return {job: frozenset(node for node in owner if owner[node] == job) for job in self.claims}

    def _give_one(self, allocation: _Allocation, job: str) -> bool:
        """Give a job one more node, if necessary by swaps that leave other jobs as many as they have.

        A breadth-first search for an augmenting path, as in bipartite matching.
        """
        if len(allocation.owner) == self._nodes:
            return False
        # Who would get a node, and the node it would give up for that.
        moves: dict[str, tuple[str, str | None]] = {}
        queue: deque[tuple[str, str | None]] = deque([(job, None)])
        while queue:
            taker, given_up = queue.popleft()
            for node in self._preferred[taker]:
                if node not in allocation.owner and allocation.give([(taker, node), *_path(given_up, moves)]):
                    return True
            for node in self._preferred[taker]:
                owner = allocation.owner.get(node)
                if owner not in (None, taker, job) and node not in moves:
                    moves[node] = taker, given_up
                    queue.append((owner, node))
        return False

    def _by_preference(self, claim: ShareClaim, nodes: Sequence[str], busy: Collection[str]) -> list[str]:
        """Nodes a job can have: first those it had before, then those where it is busy, then those no job had."""

        def rank(node: str) -> tuple[bool, bool, bool, bool]:
            owner = self._previous_owner.get(node)
            return owner != claim.job, node not in claim.busy, owner is not None, node in busy

        return sorted((node for node in nodes if node not in claim.excluded), key=rank)


def _path(node: str | None, moves: Mapping[str, tuple[str, str | None]]) -> list[tuple[str, str]]:
    """Return the chain of moves by which a job that gives up a node for another hands it on."""
    path = []
    while node is not None:
        job, given_up = moves[node]
        path.append((job, node))
        node = given_up
    return path
