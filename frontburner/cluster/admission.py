"""Which workers of the Dask scheduler are nodes of a job: those whose renderer was really tried, and that nobody holds.

Everything here runs on the dispatcher's thread; what Dask's threads hear is posted to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from frontburner.cluster.arbiter_state import Hold
from frontburner.cluster.build_choice import NodeReport
from frontburner.cluster.futures import ResultLost, result_of
from frontburner.dispatch.messages import Joined, Left, Message, Refused, Withheld
from tasks.node.node_state import local_builds
from tasks.scene.fetching import scene_differs
from tasks.scene.manifest import first_difference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from distributed import Client, Future

    from storage.errors import FrontburnerError
    from tasks.scene.manifest import SceneFile

    Post = Callable[[Callable[[], Message | None]], None]

CHECK_PRIORITY = 1000
MOST_CHECKS = 3
"""A renderer that was ended from outside while it was tried says nothing about the node."""
_UNDECIDED = {Hold.SHARE: "it is being decided which job has it"}


@dataclass(slots=True, kw_only=True)
class _Candidate:
    """A worker that is there: what it said of the renderer, what holds it, and what the dispatcher was told last."""

    address: str
    report: NodeReport | None = None
    holds: dict[Hold, str] = field(default_factory=dict)
    told: Message | None = None
    checks: int = 0
    differs: str | None = None
    """What is different there of the files that were asked for; empty if they are the same, None until it is known."""
    looks: int = 0

    @property
    def why(self) -> str:
        """Why it is held; empty if it isn't."""
        return next((self.holds[hold] for hold in Hold if hold in self.holds), "")


@dataclass(slots=True, kw_only=True)
class Admission:
    """The nodes of one job.

    Parameters
    ----------
    client
        A synchronous Dask client.
    renderer
        Name of the job's renderer.
    post
        Has a function called on the dispatcher's thread, which is told the message it returns.
    error_of
        Makes one of our errors of what ended a future on a node.
    scene, strict
        The job's scene, and whether nodes are refused that have other files than they were asked for. Else they wait
        until it doesn't matter any more.
    """

    client: Client
    renderer: str
    post: Post
    error_of: Callable[[Future, str], FrontburnerError]
    scene: str = ""
    strict: bool = False
    _build: str = field(init=False, default="")
    _there: dict[str, _Candidate] = field(init=False, default_factory=dict)
    _checks: dict[str, Future] = field(init=False, default_factory=dict)
    _looks: dict[str, Future] = field(init=False, default_factory=dict)
    _holds: dict[str, dict[Hold, str]] = field(init=False, default_factory=dict)
    _sought: tuple[SceneFile, ...] = field(init=False, default=())
    _sought_by: str = field(init=False, default="")

    @property
    def addresses(self) -> Mapping[str, str]:
        """Addresses of the workers that are there, by name."""
        return {name: candidate.address for name, candidate in self._there.items()}

    @property
    def reports(self) -> list[NodeReport]:
        """What nodes said of the renderer so far, of those the job may ever have."""
        return [candidate.report for candidate in self._possible if candidate.report]

    @property
    def complete(self) -> bool:
        """Whether at least one node is there that the job may ever have, and all those have been checked."""
        return bool(self._possible) and all(candidate.report for candidate in self._possible)

    @property
    def renders(self) -> Mapping[str, bool]:
        """Which nodes can render the job, of those that were asked."""
        asked = ((name, candidate.report) for name, candidate in self._there.items() if candidate.report)
        return {name: self._build in report.builds if self._build else bool(report.builds) for name, report in asked}

    @property
    def refused(self) -> tuple[str, ...]:
        """Nodes that don't have what they were asked for and must have it."""
        return (
            tuple(sorted(name for name, why in self.differing.items() if why)) if self.strict and self._sought else ()
        )

    @property
    def why_none(self) -> str:
        """Why the job can have none of the nodes that are there; empty if it can, or if none is."""
        excluded = {candidate.holds.get(Hold.EXCLUDED, "") for candidate in self._there.values()}
        return "" if "" in excluded else "; ".join(sorted(excluded))

    @property
    def looked(self) -> bool:
        """Whether all nodes that can render the job have looked for the files they were asked for."""
        return all(one.differs is not None for one in self._there.values() if self._can_render(one))

    @property
    def differing(self) -> Mapping[str, str]:
        """What is different first on each node that can render the job; empty where nothing is."""
        return {
            name: one.differs for name, one in self._there.items() if one.differs is not None and self._can_render(one)
        }

    @property
    def _possible(self) -> list[_Candidate]:
        return [candidate for candidate in self._there.values() if Hold.EXCLUDED not in candidate.holds]

    def open(self, build: str) -> None:
        """Begin to admit nodes that have this build, those that are there first."""
        self._build = build
        self.readmit()

    def look_for(self, files: Sequence[SceneFile], *, build: str) -> None:
        """Have all nodes look whether they have these files at their paths, those that come later too.

        Those count that have this build.
        """
        self._sought, self._sought_by = tuple(files), build
        for name, candidate in self._there.items():
            candidate.differs, candidate.looks = None, 0
            self._look(name)

    def refuse(self, why: str) -> None:
        """Refuse nodes that don't have what they were asked for, now and later."""
        self.strict = True
        for name, candidate in self._there.items():
            candidate.differs = f"{candidate.differs} {why}" if candidate.differs else candidate.differs
            self.post(partial(self._tell, name))

    def look_no_more(self) -> None:
        """Have it not matter any more what nodes have."""
        self._sought = ()
        for name in self._there:
            self.post(partial(self._tell, name))

    def readmit(self) -> None:
        """Tell of the nodes that are there once more, to a dispatcher that begins."""
        for name, candidate in self._there.items():
            candidate.told = None
            self.post(partial(self._tell, name))

    def close(self) -> None:
        """Call checks back."""
        self.client.cancel([*self._checks.values(), *self._looks.values()], force=True)

    def hold(self, node: str, hold: Hold, why: str) -> None:
        """Keep a node from the job, whether it is there by now or not."""
        if self._holds.get(node, {}).get(hold) == why:
            return
        self._holds.setdefault(node, {})[hold] = why
        self.post(partial(self._tell, node))

    def release(self, node: str, hold: Hold) -> None:
        """End a hold."""
        if self._holds.get(node, {}).pop(hold, None) is not None:
            self.post(partial(self._tell, node))

    def keep_to(self, holds: Mapping[str, Mapping[Hold, str]]) -> None:
        """Keep just these nodes from the job, each for these reasons; a node not named isn't known yet."""
        for node in self._holds.keys() | holds.keys():
            self._holds.setdefault(node, {})  # decided from now on, were it that nothing holds it
            reasons = holds.get(node, _UNDECIDED)
            for hold in Hold:
                if hold in reasons:
                    self.hold(node, hold, reasons[hold])
                else:
                    self.release(node, hold)

    def arrive(self, name: str, address: str) -> None:
        """Have a worker that is there checked."""
        if name in self._there:
            self._there[name].address = address
            return
        self._there[name] = _Candidate(address=address, holds=self._holds.setdefault(name, dict(_UNDECIDED)))
        self._check(name)
        if self._sought:
            self._look(name)

    def depart(self, address: str) -> Message | None:
        """Forget a worker that is gone."""
        gone = next((name for name, candidate in self._there.items() if candidate.address == address), None)
        if gone is None:
            return None
        del self._there[gone]
        return Left(node=gone)

    def _check(self, name: str) -> None:
        self._there[name].checks += 1
        address = self._there[name].address
        check = self.client.submit(local_builds, self.renderer, workers=[address], pure=False, priority=CHECK_PRIORITY)
        self._checks[name] = check
        check.add_done_callback(lambda future: self.post(partial(self._checked, name, future)))

    def _checked(self, name: str, future: Future) -> Message | None:
        self._checks.pop(name, None)
        if name not in self._there or future.status == "cancelled":
            return None
        try:
            report = NodeReport(node=name, builds=result_of(future))
        except ResultLost:
            report = NodeReport(node=name, error=self.error_of(future, name))
            if report.error and report.error.retryable and self._there[name].checks < MOST_CHECKS:
                self._check(name)
                return None
        self._there[name].report = report
        return self._tell(name)

    def _look(self, name: str) -> None:
        self._there[name].looks += 1
        address, sought = self._there[name].address, self._sought
        look = self.client.submit(first_difference, sought, workers=[address], pure=False, priority=CHECK_PRIORITY)
        self._looks[name] = look
        look.add_done_callback(lambda future: self.post(partial(self._looked, name, sought, future)))

    def _looked(self, name: str, sought: tuple[SceneFile, ...], future: Future) -> Message | None:
        if name not in self._there or future.status == "cancelled" or sought is not self._sought:
            return None
        self._looks.pop(name, None)
        try:
            self._there[name].differs = result_of(future)
        except ResultLost:
            if self._there[name].looks < MOST_CHECKS:
                self._look(name)
                return None
            self._there[name].differs = str(self.error_of(future, name))
        return self._tell(name)

    def _can_render(self, candidate: _Candidate) -> bool:
        builds = candidate.report.builds if candidate.report else ()
        return self._sought_by in builds and Hold.EXCLUDED not in candidate.holds

    def _tell(self, name: str) -> Message | None:
        """Return what the dispatcher doesn't know yet of a node."""
        candidate = self._there.get(name)
        if candidate is None or candidate.report is None or not self._build:
            return None
        message = self._standing(name, candidate, candidate.report)
        if message is None or message == candidate.told:
            return None
        candidate.told = message
        return message

    def _standing(self, name: str, candidate: _Candidate, report: NodeReport) -> Message | None:
        if self._build not in report.builds:
            reason = str(report.error or f"It has {', '.join(report.builds)}; the job needs {self._build}.")
            return Refused(node=name, reason=reason)
        if self._sought and candidate.differs is None:
            return None  # it is being found out
        if self._sought and candidate.differs:
            if self.strict:
                return Refused(node=name, reason=str(scene_differs(candidate.differs, scene=self.scene, node=name)))
            return Withheld(
                node=name, why=f"the scene is sent for it, since it isn't the same there: {candidate.differs}"
            )
        return Withheld(node=name, why=candidate.why) if candidate.why else Joined(node=name)
