"""Checks nodes of a farm and compares them with each other: clocks, versions, store, builds and scene."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from frontburner.cluster.admission import CHECK_PRIORITY
from frontburner.cluster.arbiter_calls import ask, call, connected
from frontburner.cluster.arbiter_state import NodeState
from frontburner.cluster.clock_skew import ClockSkew, Reading, clock_check, clock_skew
from storage.errors import FrontburnerError
from storage.objects import INTERNAL_PREFIX, open_store
from tasks.node.node_state import check_node
from tasks.node.readiness import Check, Grade, Readiness, readiness_from, with_checks
from tasks.node.versions import differences, versions
from tasks.renderers.build_names import program_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from distributed import Client

    from tasks.node.node_checks import CheckRequest

CHECK_TIMEOUT_S = 900.0
READINGS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class FarmCheck:
    """Checks nodes of one farm.

    Parameters
    ----------
    client
        A synchronous Dask client.
    """

    client: Client

    def nodes(self, request: CheckRequest, names: Sequence[str] = (), *, scene: str = "") -> list[Readiness]:
        """Check these nodes, or all, and return them in their order. A machine checks one of its nodes at a time.

        Parameters
        ----------
        scene
            Expected digest of their scene; empty expects that of most nodes.

        Raises
        ------
        FrontburnerError
            When a node doesn't exist.
        """
        nodes = {node["name"]: node for node in ask(self.client, "snapshot")["nodes"]}
        names = names or list(nodes)
        if unknown := [name for name in names if name not in nodes]:
            known = f"There are {', '.join(nodes)}." if nodes else "There is none."
            raise FrontburnerError(reason=f"No node is called {unknown[0]}.", remedy=known)
        results = {
            readiness.node: readiness
            for wave in waves([nodes[name] for name in names])
            for readiness in self._check(wave, request)
        }
        return compare_nodes([results[name] for name in names], scene=scene)

    def _check(self, wave: Sequence[Mapping[str, Any]], request: CheckRequest) -> Iterator[Readiness]:
        """Have nodes on different machines check themselves at the same time."""
        scheduler_versions = self.client.run_on_scheduler(versions)
        scheduler_clock = self.clock("")
        silent = [node for node in wave if node["state"] == NodeState.SILENT]
        yield from (_unanswered(node) for node in silent)
        wave = [node for node in wave if node not in silent]
        futures = {
            node["name"]: self.client.submit(
                check_node, replace(request, measure=request.measure and node["state"] != "rendering"),
                workers=[node["address"]], pure=False, priority=CHECK_PRIORITY,
            )
            for node in wave
        }  # fmt: skip
        ends_s = time.monotonic() + CHECK_TIMEOUT_S
        for node in wave:
            version_check = _version_check(scheduler_versions, node.get("versions") or {})
            checks = [version_check, *self._clock_checks(node["address"], scheduler_clock)]
            yield with_checks(self._result(node, futures[node["name"]], ends_s), checks)

    def _result(self, node: Mapping[str, Any], future: Any, ends_s: float) -> Readiness:  # noqa: ANN401
        """Wait for a node's result; that it can't be checked is a result, too."""
        try:
            readiness = readiness_from(future.result(max(0.1, ends_s - time.monotonic())))
        except TimeoutError:
            self.client.cancel([future], force=True)
            return _unanswered(node)
        except Exception as error:  # noqa: BLE001 - a node of another version may raise anything
            reason = f"It couldn't be checked: {type(error).__name__}: {error}".rstrip(".") + "."
            remedy = "Its Frontburner may have another version: install the same on every machine."
        else:
            with suppress(OSError, TimeoutError):
                ask(self.client, "report", node=readiness.node, readiness=readiness.document())
            return readiness
        return _unchecked(node, reason, remedy)

    def _clock_checks(self, address: str, scheduler_clock: ClockSkew) -> list[Check]:
        try:
            return [clock_check(self.clock(address), scheduler_clock)]
        except (OSError, TimeoutError, LookupError, ValueError):
            return []  # the node is gone, which its own check reports

    def clock(self, address: str) -> ClockSkew:
        """Read the clock of a node, or of the scheduler where the address is empty."""
        readings = []
        for _ in range(READINGS):
            asked_s = time.time()
            if address:
                remote_s = self.client.run(time.time, workers=[address])[address]
            else:
                remote_s = self.client.run_on_scheduler(time.time)
            readings.append(Reading(asked_s=asked_s, remote_s=remote_s, answered_s=time.time()))
        return clock_skew(readings)


def _unanswered(node: Mapping[str, Any]) -> Readiness:
    return _unchecked(node, "It doesn't answer.", "See whether its machine still runs, and start it again.")


def _unchecked(node: Mapping[str, Any], reason: str, remedy: str) -> Readiness:
    check = Check(name="check", grade=Grade.FAILS, reason=reason, remedy=remedy)
    return Readiness(node=node["name"], host=node["host"], checks=(check,))


@contextmanager
def farm_check(scheduler: str) -> Iterator[FarmCheck]:
    """Connect to a farm.

    Raises
    ------
    FrontburnerError
        When its scheduler doesn't answer.
    """
    call(scheduler, "snapshot")  # raises a helpful error when there is no scheduler
    with connected(scheduler) as client:
        yield FarmCheck(client=client)


@contextmanager
def store_probe(url: str) -> Iterator[str]:
    """Put an object into a store, so that nodes can check that they use the same store; yields its key.

    Raises
    ------
    StoreError
        When it can't be put there.
    """
    store, key = open_store(url), f"{INTERNAL_PREFIX}/check/{secrets.token_hex(8)}"
    store.create(key, b"here")
    try:
        yield key
    finally:
        with suppress(FrontburnerError):
            store.delete(key)


def scheduler_checks(scheduler: str, local_versions: Mapping[str, str]) -> list[Check]:
    """Check whether this machine, which isn't a node yet, reaches a scheduler and matches it."""
    try:
        with farm_check(scheduler) as farm:
            clock = clock_check(ClockSkew(ahead_s=0.0, error_s=0.0), farm.clock(""))
            version = _version_check(farm.client.run_on_scheduler(versions), local_versions)
            return [Check(name="scheduler", value=scheduler), version, clock]
    except FrontburnerError as error:
        return [Check(name="scheduler", grade=Grade.FAILS, reason=error.reason, remedy=error.remedy)]


def waves(nodes: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Divide nodes into waves with at most one of each machine."""
    on_host: Counter[str] = Counter()
    waves: list[list[Mapping[str, Any]]] = []
    for node in nodes:
        if on_host[node["host"]] == len(waves):
            waves.append([])
        waves[on_host[node["host"]]].append(node)
        on_host[node["host"]] += 1
    return waves


def compare_nodes(nodes: Sequence[Readiness], *, scene: str = "") -> list[Readiness]:
    """Mark nodes whose scene isn't the expected one, or that of most, or whose builds no job would use."""
    return _compare_scenes([_compare_builds(node, nodes) for node in nodes], scene)


def _compare_builds(node: Readiness, nodes: Sequence[Readiness]) -> Readiness:
    """Note builds that no other node has: a job uses one build on all its nodes."""
    checks = []
    for check in node.checks:
        builds = set(node.builds.get(check.name, ()))
        others = Counter(build for other in nodes if other is not node for build in other.builds.get(check.name, ()))
        if builds and others and not builds & others.keys() and check.grade is Grade.OK:
            usual = others.most_common(1)[0][0]
            reason = f"It has {', '.join(sorted(builds))}, and the others have {usual}: it renders none of their jobs."
            remedy = "Install the same version on every machine."
            if any(program_of(build) == program_of(usual) for build in builds):  # of another system
                remedy = "Pixels of systems differ: a job takes one, or accepts both with --renderer-build any."
            check = replace(check, grade=Grade.NOTE, reason=reason, remedy=remedy)  # noqa: PLW2901
        checks.append(check)
    return replace(node, checks=tuple(checks))


def _compare_scenes(nodes: Sequence[Readiness], scene: str) -> list[Readiness]:
    digests = Counter(node.scene for node in nodes if node.scene)
    if not digests:
        return list(nodes)
    expected = scene or digests.most_common(1)[0][0]
    where = "here" if scene else "on most machines"
    return [
        node if node.scene in ("", expected) else _with_different_scene(node, f"{expected[:8]} {where}")
        for node in nodes
    ]


def _with_different_scene(node: Readiness, expected: str) -> Readiness:
    different = Check(
        name="scene", grade=Grade.FAILS,
        reason=f"Its scene is another one: {node.scene[:8]}, and {expected}.",
        remedy="Copy the scene and all its files there again.",
    )  # fmt: skip
    return replace(node, checks=tuple(different if check.name == "scene" else check for check in node.checks))


def _version_check(scheduler: Mapping[str, str], node: Mapping[str, str]) -> Check:
    """Compare a node's versions with those of the scheduler's machine."""
    others = differences(scheduler, node)
    if not others:
        return Check(name="versions", value=node.get("frontburner", ""))
    return Check(
        name="versions", grade=Grade.FAILS, value=node.get("frontburner", ""),
        reason=f"Its versions aren't those of the scheduler's machine: {', '.join(others)}.",
        remedy="Start it again, or set it up by the command that `frontburner node invite` shows on the manager.",
    )  # fmt: skip
