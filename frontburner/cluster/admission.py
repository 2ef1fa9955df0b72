"""Admits workers of the Dask scheduler as nodes of a job: those whose renderer works, and that no hold keeps from it.

Everything here runs on the dispatcher's thread; events on Dask's threads are posted to it.

One file over 300 lines: the checks of a node and what follows from them are turns of one state.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from frontburner.cluster.arbiter_state import Hold
from frontburner.cluster.build_choice import NodeReport, why_left_out
from frontburner.cluster.futures import ResultLost, result_of
from frontburner.dispatch.messages import Joined, Left, Message, Refused, Withheld
from tasks.node.node_state import offer
from tasks.scene.fetching import scene_differs
from tasks.scene.manifest import first_difference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from distributed import Client, Future

    from storage.errors import FrontburnerError
    from tasks.scene.manifest import SceneFile

    Post = Callable[[Callable[[], Message | None]], None]

CHECK_PRIORITY = 1000
MAX_ATTEMPTS = 3
"""A renderer that was killed while it was tried says nothing about the node, so the check is repeated."""
_KEPT_OUT = {Hold.EXCLUDED, Hold.SILENT}
"""Holds of nodes whose answers a job doesn't wait for."""
_UNDECIDED = {Hold.SHARE: "it is not decided yet which job has it"}


@dataclass(slots=True, kw_only=True)
class _Candidate:
    """A worker that has joined.

    Parameters
    ----------
    report
        Its builds of the renderer, once it was checked.
    sent
        The last message about it to the dispatcher.
    difference
        The first file of the scene that differs there; empty if none does, None while that isn't known.
    yields
        Whether its machine may be given back to its owner at any moment.
    """

    address: str
    yields: bool = False
    report: NodeReport | None = None
    holds: dict[Hold, str] = field(default_factory=dict)
    sent: Message | None = None
    renderer_checks: int = 0
    difference: str | None = None
    file_checks: int = 0

    @property
    def hold_reason(self) -> str:
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
        Calls a function on the dispatcher's thread, and passes on the message it returns.
    error_of
        Makes a FrontburnerError of what ended a future on a node.
    scene, strict
        The job's scene, and whether nodes with different files are refused. Otherwise they wait until the scene was
        sent.
    allow_scripts
        Whether the job allows scripts of its scene, which nodes may forbid.
    """

    client: Client
    renderer: str
    post: Post
    error_of: Callable[[Future, str], FrontburnerError]
    scene: str = ""
    strict: bool = False
    allow_scripts: bool = False
    _build: str = field(init=False, default="")
    _candidates: dict[str, _Candidate] = field(init=False, default_factory=dict)
    _renderer_checks: dict[str, Future] = field(init=False, default_factory=dict)
    _file_checks: dict[str, Future] = field(init=False, default_factory=dict)
    _holds: dict[str, dict[Hold, str]] = field(init=False, default_factory=dict)
    _files: tuple[SceneFile, ...] = field(init=False, default=())
    _files_build: str = field(init=False, default="")

    @property
    def addresses(self) -> Mapping[str, str]:
        """Addresses of the workers that have joined, by name."""
        return {name: candidate.address for name, candidate in self._candidates.items()}

    @property
    def unavailable(self) -> frozenset[str]:
        """Names of the workers that take no work from any job: other tasks should spare them, too."""
        return frozenset(name for name, each in self._candidates.items() if Hold.UNAVAILABLE in each.holds)

    @property
    def available_addresses(self) -> list[str]:
        """Addresses of the workers that take work; empty if all do, or none."""
        spared = self.unavailable
        return [each.address for name, each in self._candidates.items() if name not in spared] if spared else []

    @property
    def addresses_with_build(self) -> list[str]:
        """Addresses of the workers that have the job's build of the renderer: those that take work, if there are."""
        having = {
            name: candidate.address
            for name, candidate in self._candidates.items()
            if candidate.report and candidate.report.has(self._build)
        }
        spared = self.unavailable
        return [address for name, address in having.items() if name not in spared] or list(having.values())

    @property
    def reports(self) -> list[NodeReport]:
        """Reports on the renderer so far, of the nodes that aren't excluded."""
        return [
            replace(candidate.report, takes_work=Hold.UNAVAILABLE not in candidate.holds)
            for candidate in self._possible
            if candidate.report
        ]

    @property
    def complete(self) -> bool:
        """Whether there is a node that isn't excluded, and all of those were checked."""
        return bool(self._possible) and all(candidate.report for candidate in self._possible)

    @property
    def renders(self) -> Mapping[str, bool]:
        """On which of the nodes that were checked the renderer works."""
        return {name: bool(report.builds) for name, report in self._checked.items()}

    @property
    def refused(self) -> Mapping[str, str]:
        """Nodes that are refused although the renderer works there, with the reasons."""
        refused = {
            name: why_left_out(report.builds, self._build)
            for name, report in self._checked.items()
            if self._build and report.builds and not report.has(self._build)
        }
        if self.strict and self._files:
            refused |= {name: f"Its files differ: {why}" for name, why in self.file_differences.items() if why}
        return refused

    @property
    def no_node_reason(self) -> str:
        """Why the job can have none of the nodes; empty if it can, or if there is none."""
        excluded = {candidate.holds.get(Hold.EXCLUDED, "") for candidate in self._candidates.values()}
        return "" if "" in excluded else "; ".join(sorted(excluded))

    @property
    def files_compared(self) -> bool:
        """Whether all nodes that can render the job have compared their files."""
        return all(one.difference is not None for one in self._candidates.values() if self._can_render(one))

    @property
    def file_differences(self) -> Mapping[str, str]:
        """The first difference on each node that can render the job; empty where there is none."""
        return {
            name: candidate.difference
            for name, candidate in self._candidates.items()
            if candidate.difference is not None and self._can_render(candidate)
        }

    @property
    def _checked(self) -> dict[str, NodeReport]:
        return {name: candidate.report for name, candidate in self._candidates.items() if candidate.report}

    @property
    def _possible(self) -> list[_Candidate]:
        return [candidate for candidate in self._candidates.values() if not _KEPT_OUT & candidate.holds.keys()]

    def open(self, build: str) -> None:
        """Begin to admit nodes that have this build."""
        self._build = build
        self.announce_all()

    def compare_files(self, files: Sequence[SceneFile], *, build: str) -> None:
        """Have all nodes, and those that join later, compare these files with their own at the same paths.

        Only nodes with this build count.
        """
        self._files, self._files_build = tuple(files), build
        for name, candidate in self._candidates.items():
            candidate.difference, candidate.file_checks = None, 0
            self._check_files(name)

    def refuse_different_files(self, reason: str) -> None:
        """Refuse nodes whose files differ, also those that join later."""
        self.strict = True
        for name, candidate in self._candidates.items():
            candidate.difference = f"{candidate.difference} {reason}" if candidate.difference else candidate.difference
            self.post(partial(self._message, name))

    def ignore_files(self) -> None:
        """Admit nodes whatever files they have, since the scene was sent."""
        self._files = ()
        for name in self._candidates:
            self.post(partial(self._message, name))

    def announce_all(self) -> None:
        """Announce the nodes to a dispatcher that starts."""
        for name, candidate in self._candidates.items():
            candidate.sent = None
            self.post(partial(self._message, name))

    def close(self) -> None:
        """Cancel all checks."""
        self.client.cancel([*self._renderer_checks.values(), *self._file_checks.values()], force=True)

    def set_holds(self, holds: Mapping[str, Mapping[Hold, str]]) -> None:
        """Hold exactly these nodes, for these reasons; a node without an entry isn't decided yet."""
        for node in self._holds.keys() | holds.keys():
            current = self._holds.setdefault(node, {})
            new = dict(holds.get(node, _UNDECIDED))
            if current != new:
                current.clear()  # candidates share this dictionary
                current.update(new)
                self.post(partial(self._message, node))

    def node_joined(self, name: str, address: str, *, yields: bool = False) -> None:
        """Have a worker checked."""
        if name in self._candidates:
            self._candidates[name].address, self._candidates[name].yields = address, yields
            return
        self._candidates[name] = _Candidate(
            address=address, yields=yields, holds=self._holds.setdefault(name, dict(_UNDECIDED))
        )
        self._check_renderer(name)
        if self._files:
            self._check_files(name)

    def node_left(self, address: str) -> Message | None:
        """Forget a worker."""
        left = next((name for name, candidate in self._candidates.items() if candidate.address == address), None)
        if left is None:
            return None
        del self._candidates[left]
        return Left(node=left)

    def _check_renderer(self, name: str) -> None:
        self._candidates[name].renderer_checks += 1
        address = self._candidates[name].address
        check = self.client.submit(
            offer, self.renderer, self.allow_scripts, workers=[address], pure=False, priority=CHECK_PRIORITY
        )
        self._renderer_checks[name] = check
        check.add_done_callback(lambda future: self.post(partial(self._renderer_checked, name, future)))

    def _renderer_checked(self, name: str, future: Future) -> Message | None:
        self._renderer_checks.pop(name, None)
        if name not in self._candidates or future.status == "cancelled":
            return None
        try:
            offered = result_of(future)
            report = NodeReport(node=name, builds=offered.builds, cores=offered.cores)
        except ResultLost:
            report = NodeReport(node=name, error=self.error_of(future, name))
            if report.error and report.error.retryable and self._candidates[name].renderer_checks < MAX_ATTEMPTS:
                self._check_renderer(name)
                return None
        self._candidates[name].report = report
        return self._message(name)

    def _check_files(self, name: str) -> None:
        self._candidates[name].file_checks += 1
        address, files = self._candidates[name].address, self._files
        check = self.client.submit(first_difference, files, workers=[address], pure=False, priority=CHECK_PRIORITY)
        self._file_checks[name] = check
        check.add_done_callback(lambda future: self.post(partial(self._files_checked, name, files, future)))

    def _files_checked(self, name: str, files: tuple[SceneFile, ...], future: Future) -> Message | None:
        if name not in self._candidates or future.status == "cancelled" or files is not self._files:
            return None
        self._file_checks.pop(name, None)
        try:
            self._candidates[name].difference = result_of(future)
        except ResultLost:
            if self._candidates[name].file_checks < MAX_ATTEMPTS:
                self._check_files(name)
                return None
            self._candidates[name].difference = str(self.error_of(future, name))
        return self._message(name)

    def _can_render(self, candidate: _Candidate) -> bool:
        return (
            candidate.report is not None
            and candidate.report.has(self._files_build)
            and not _KEPT_OUT & candidate.holds.keys()
        )

    def _message(self, name: str) -> Message | None:
        """Return what the dispatcher doesn't know yet of a node."""
        candidate = self._candidates.get(name)
        if candidate is None or candidate.report is None or not self._build:
            return None
        message = self._status(name, candidate, candidate.report)
        if message is None or message == candidate.sent:
            return None
        candidate.sent = message
        return message

    def _status(self, name: str, candidate: _Candidate, report: NodeReport) -> Message | None:
        if not report.has(self._build):
            reason = str(report.error or why_left_out(report.builds, self._build))
            return Refused(node=name, reason=reason, other_build=bool(report.builds))
        if self._files and candidate.difference is None:
            return None  # its files are being compared
        if self._files and candidate.difference:
            if self.strict:
                return Refused(node=name, reason=str(scene_differs(candidate.difference, scene=self.scene, node=name)))
            reason = f"the scene is sent to it, since its files differ: {candidate.difference}"
            return Withheld(node=name, why=reason)
        if candidate.hold_reason:
            return Withheld(node=name, why=candidate.hold_reason)
        return Joined(node=name, yields=candidate.yields, cores=report.cores)
