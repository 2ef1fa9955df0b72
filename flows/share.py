"""Which job has which nodes: a higher priority takes all it may use, equal ones share fairly, licences hold.

Pure: what is known of jobs and nodes goes in, who has what comes out. Nothing moves that needn't.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what terms a job takes nodes.

    Parameters
    ----------
    min_nodes
        Nodes it is given before jobs of a higher priority take all.
    max_nodes
        The most it is given; None is no limit.
    groups
        It takes only nodes of one of these; none named is all.
    local
        False keeps it off the machine it was given from.
    """

    min_nodes: int = 0
    max_nodes: int | None = None
    groups: tuple[str, ...] = ()
    local: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a job claims of the farm.

    Parameters
    ----------
    age
        Its place in the order of arrival; less is earlier.
    barred
        Nodes it can't have: excluded, of another group, or without its renderer.
    wants
        How many nodes it has work for; None is all it can get.
    busy
        Nodes that have a unit of it under way.
    """

    job: str
    priority: int = 50
    age: int = 0
    terms: Terms = Terms()
    renderer: str = ""
    barred: frozenset[str] = frozenset()
    wants: int | None = None
    busy: frozenset[str] = frozenset()

    @property
    def most(self) -> int | float:
        """The most nodes it is to have."""
        limits = (self.terms.max_nodes, self.wants)
        return min((limit for limit in limits if limit is not None), default=float("inf"))


def share(
    claims: Sequence[Claim],
    nodes: Collection[str],
    licences: Mapping[str, int],
    previous: Mapping[str, Collection[str]],
) -> dict[str, frozenset[str]]:
    """Share nodes out among jobs.

    Parameters
    ----------
    nodes
        Names of the nodes that take work.
    licences
        How many nodes may render with a renderer at once. A node where a job is busy counts, whoever has it.
    previous
        What each job had before.

    Returns
    -------
    nodes by job
        Every job is in it. A node is nobody's only if no job can use it.
    """
    fair = _Sharing(claims, nodes, licences, previous)
    fair.honour_minimums()
    fair.by_priority()
    # What nobody has work for stays with those who have: they race their last units on it.
    fair.claims = {job: replace(claim, wants=None) for job, claim in fair.claims.items()}
    fair.by_priority()
    return fair.settled()


@dataclass(slots=True)
class _Hands:
    """Who has which node."""

    owner: dict[str, str] = field(default_factory=dict)
    count: Counter[str] = field(default_factory=Counter)

    def give(self, path: Iterable[tuple[str, str]]) -> None:
        """Give nodes to jobs, each from whom it was with."""
        path = list(path)
        for _, node in path:
            if node in self.owner:
                self.count[self.owner.pop(node)] -= 1
        for job, node in path:
            self.owner[node] = job
            self.count[job] += 1


class _Sharing:
    """Gives out one node after the other, each to whom it is due. Others may swap theirs so that it can be had."""

    def __init__(
        self,
        claims: Sequence[Claim],
        nodes: Collection[str],
        licences: Mapping[str, int],
        previous: Mapping[str, Collection[str]],
    ) -> None:
        self.claims = {claim.job: claim for claim in sorted(claims, key=lambda claim: (claim.age, claim.job))}
        self._nodes = sorted(nodes)
        self._licences = licences
        self._had = {node: job for job, had in sorted(previous.items()) for node in sorted(had)}
        self._busy = {renderer: self._busy_with(renderer) for renderer in licences}
        self._hands = _Hands()

    def honour_minimums(self) -> None:
        """Give every job its minimum, those of a higher priority first."""
        for claim in sorted(self.claims.values(), key=lambda claim: -claim.priority):
            least = min(claim.terms.min_nodes, claim.most)
            while self._hands.count[claim.job] < least and self._grant(self._hands, claim.job):
                pass

    def by_priority(self) -> None:
        """Give each priority all it can use, the highest first; among equals, always to the one that has least."""
        for priority in sorted({claim.priority for claim in self.claims.values()}, reverse=True):
            open_ = [job for job, claim in self.claims.items() if claim.priority == priority]
            while open_:
                job = min(open_, key=lambda job: self._hands.count[job])  # the eldest of equals
                if self._hands.count[job] >= self.claims[job].most or not self._grant(self._hands, job):
                    open_.remove(job)

    def settled(self) -> dict[str, frozenset[str]]:
        """Return who has what: as many as was found, and of those each had before as many as can stay."""
        kept = _Hands()
        had = [node for node in self._nodes if self._had.get(node) in self.claims]
        for node in sorted(had, key=lambda node: node not in self.claims[self._had[node]].busy):
            job = self._had[node]
            if kept.count[job] < self._hands.count[job] and self._may(job, node):
                kept.give([(job, node)])
        complete = self._licensed(kept.owner) and all(
            self._grant(kept, job) for job, count in self._hands.count.items() for _ in range(count - kept.count[job])
        )
        hands = kept if complete else self._hands
        return {job: frozenset(node for node, owner in hands.owner.items() if owner == job) for job in self.claims}

    def _grant(self, hands: _Hands, job: str) -> bool:
        """Give a job one more node, if need be with swaps that leave every other job as many as it has."""
        came_by: dict[str, tuple[str, str | None]] = {}
        asking: deque[tuple[str, str | None]] = deque([(job, None)])
        while asking:
            who, gives = asking.popleft()
            for node in self._in_order(who, hands):
                if node in came_by or not self._may(who, node) or hands.owner.get(node) == who:
                    continue
                came_by[node] = who, gives
                if node not in hands.owner:
                    path = _path(node, came_by)
                    if self._licensed(hands.owner | {node: job for job, node in path}):
                        hands.give(path)
                        return True
                    del came_by[node]
                elif hands.owner[node] != job:
                    asking.append((hands.owner[node], node))
        return False

    def _in_order(self, job: str, hands: _Hands) -> list[str]:
        """Nodes as a job likes them: free ones first, its own of before, where it is busy, then those nobody had."""
        claim = self.claims[job]

        def dislike(node: str) -> tuple[bool, bool, bool, bool, bool]:
            had = self._had.get(node)
            return node in hands.owner, had != job, node not in claim.busy, had is not None, self._is_busy(node)

        return sorted(self._nodes, key=dislike)

    def _may(self, job: str, node: str) -> bool:
        return node not in self.claims[job].barred

    def _is_busy(self, node: str) -> bool:
        return any(node in claim.busy for claim in self.claims.values())

    def _busy_with(self, renderer: str) -> frozenset[str]:
        return frozenset().union(*(claim.busy for claim in self.claims.values() if claim.renderer == renderer))

    def _licensed(self, owner: Mapping[str, str]) -> bool:
        """Whether no renderer is used on more nodes than it may be, or than it is already."""
        for renderer, most in self._licences.items():
            busy = self._busy[renderer]
            using = busy | {node for node, job in owner.items() if self.claims[job].renderer == renderer}
            if len(using) > max(most, len(busy)):
                return False
        return True


def _path(node: str, came_by: Mapping[str, tuple[str, str | None]]) -> list[tuple[str, str]]:
    """Return who gets which node so that the free one at the end of a search is used."""
    path, at = [], node
    while True:
        job, gives = came_by[at]
        path.append((job, at))
        if gives is None:
            return path
        at = gives
