"""Which job has which nodes: a higher priority takes all it may use, equal ones share fairly, licences hold.

Pure: what is known of jobs and nodes goes in, who has what comes out. Nothing moves that needn't.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareTerms:
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
class ShareClaim:
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
    terms: ShareTerms = ShareTerms()
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
    claims: Sequence[ShareClaim],
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


class _Licences:
    """How many nodes may render with each renderer at once, and where jobs do that have no right to the node."""

    def __init__(self, most: Mapping[str, int], claims: Collection[ShareClaim]) -> None:
        self.renderer = {claim.job: claim.renderer for claim in claims if claim.renderer in most}
        self.busy: dict[str, set[str]] = {renderer: set() for renderer in most}
        for claim in claims:
            if claim.renderer in most:
                self.busy[claim.renderer] |= claim.busy
        self.most = {renderer: max(count, len(self.busy[renderer])) for renderer, count in most.items()}

    def needed(self, job: str | None, node: str) -> str | None:
        """Return the renderer of which it takes another licence to give a node to a job."""
        renderer = self.renderer.get(job or "")
        return renderer if renderer is not None and node not in self.busy[renderer] else None


class _Hands:
    """Who has which node."""

    def __init__(self, licences: _Licences) -> None:
        self.owner: dict[str, str] = {}
        self.count: Counter[str] = Counter()
        self._licences = licences
        self._licensed = Counter({renderer: len(busy) for renderer, busy in licences.busy.items()})

    def give(self, path: Sequence[tuple[str, str]]) -> bool:
        """Give nodes to jobs, each from whom it was with; nothing is given if that took too many licences."""
        if self._licences.most and not self._license(path):
            return False
        for _, node in path:
            if node in self.owner:
                self.count[self.owner.pop(node)] -= 1
        for job, node in path:
            self.owner[node] = job
            self.count[job] += 1
        return True

    def _license(self, path: Sequence[tuple[str, str]]) -> bool:
        licensed = self._licensed.copy()
        for job, node in path:
            licensed[self._licences.needed(self.owner.get(node), node) or ""] -= 1
            licensed[self._licences.needed(job, node) or ""] += 1
        if any(licensed[renderer] > most for renderer, most in self._licences.most.items()):
            return False
        self._licensed = licensed
        return True


class _Sharing:
    """Gives out one node after the other, each to whom it is due. Others may swap theirs so that it can be had."""

    def __init__(
        self,
        claims: Sequence[ShareClaim],
        nodes: Collection[str],
        licences: Mapping[str, int],
        previous: Mapping[str, Collection[str]],
    ) -> None:
        self.claims = {claim.job: claim for claim in sorted(claims, key=lambda claim: (claim.age, claim.job))}
        self._had = {node: job for job, had in sorted(previous.items()) for node in sorted(had)}
        self._nodes = len(nodes)
        self._licences = _Licences(licences, self.claims.values())
        self._hands = _Hands(self._licences)
        busy = frozenset().union(*(claim.busy for claim in claims))
        self._liked = {job: self._in_order(claim, sorted(nodes), busy) for job, claim in self.claims.items()}

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
        kept = _Hands(self._licences)
        for job, liked in self._liked.items():
            for node in liked:  # its own come first, and of those the ones where it is busy
                if self._had.get(node) == job and kept.count[job] < self._hands.count[job]:
                    kept.give([(job, node)])
        complete = all(
            self._grant(kept, job) for job, count in self._hands.count.items() for _ in range(count - kept.count[job])
        )
        hands = kept if complete else self._hands
        return {job: frozenset(node for node, owner in hands.owner.items() if owner == job) for job in self.claims}

    def _grant(self, hands: _Hands, job: str) -> bool:
        """Give a job one more node, if need be with swaps that leave every other job as many as it has."""
        if len(hands.owner) == self._nodes:
            return False
        came_by: dict[str, tuple[str, str | None]] = {}
        asking: deque[tuple[str, str | None]] = deque([(job, None)])
        while asking:
            who, gives = asking.popleft()
            for node in self._liked[who]:
                if node not in hands.owner and hands.give([(who, node), *_path(gives, came_by)]):
                    return True
            for node in self._liked[who]:
                owner = hands.owner.get(node)
                if owner not in (None, who, job) and node not in came_by:
                    came_by[node] = who, gives
                    asking.append((owner, node))
        return False

    def _in_order(self, claim: ShareClaim, nodes: Sequence[str], busy: Collection[str]) -> list[str]:
        """Nodes a job can have, as it likes them: its own of before, where it is busy, those that nobody had."""

        def dislike(node: str) -> tuple[bool, bool, bool, bool]:
            had = self._had.get(node)
            return had != claim.job, node not in claim.busy, had is not None, node in busy

        return sorted((node for node in nodes if node not in claim.barred), key=dislike)


def _path(node: str | None, came_by: Mapping[str, tuple[str, str | None]]) -> list[tuple[str, str]]:
    """Return who gets which node when the one that gives this one up has found another."""
    path = []
    while node is not None:
        job, gives = came_by[node]
        path.append((job, node))
        node = gives
    return path
