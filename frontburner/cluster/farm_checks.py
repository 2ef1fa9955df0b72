"""Check nodes of a farm, and how they fit together: clocks, versions, store and scene."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from frontburner.cluster.admission import CHECK_PRIORITY
from frontburner.cluster.arbiter_calls import ask, call, connected
from frontburner.cluster.clock_skew import ClockSkew, Reading, clock_check, clock_skew
from storage.errors import FrontburnerError
from storage.objects import INTERNAL_PREFIX, open_store
from tasks.node.node_state import check_node
from tasks.node.readiness import Check, Grade, Readiness, readiness_from, with_checks
from tasks.node.versions import differences, versions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from distributed import Client

    from tasks.node.node_checks import CheckRequest

CHECK_S = 900.0
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

    def nodes(self, inquiry: CheckRequest, names: Sequence[str] = (), *, scene: str = "") -> list[Readiness]:
        """Check these nodes, or all, in their order. Each machine checks one of its nodes at a time.

        Parameters
        ----------
        scene
            The digest their scene should have; empty is that of most of them.

        Raises
        ------
        FrontburnerError
            When there is no node of a name.
        """
        there = {node["name"]: node for node in ask(self.client, "snapshot")["nodes"]}
        unknown = [name for name in names if name not in there]
        if unknown:
            known = f"There are {', '.join(there)}." if there else "There is none."
            raise FrontburnerError(reason=f"No node is called {unknown[0]}.", remedy=known)
        found = {
            readiness.node: readiness
            for wave in waves([there[name] for name in names or there])
            for readiness in self._checked(wave, inquiry)
        }
        return agreeing([found[name] for name in names or there], scene=scene)

    def _checked(self, wave: Sequence[Mapping[str, Any]], inquiry: CheckRequest) -> Iterator[Readiness]:
        """Have nodes of different machines check themselves at once."""
        here = self.client.run_on_scheduler(versions)
        clock = self.clock("")
        asked = {
            node["name"]: self.client.submit(
                check_node, replace(inquiry, measure=inquiry.measure and node["state"] != "rendering"),
                workers=[node["address"]], pure=False, priority=CHECK_PRIORITY,
            )
            for node in wave
        }  # fmt: skip
        ends_s = time.monotonic() + CHECK_S
        for node in wave:
            told = node.get("versions") or {}
            more = [_version_check(here, told), *self._clock_checks(node["address"], clock)]
            yield with_checks(self._answer(node, asked[node["name"]], ends_s), more)

    def _answer(self, node: Mapping[str, Any], future: Any, ends_s: float) -> Readiness:  # noqa: ANN401
        """Wait for a node; one that can't be checked is a finding, too."""
        try:
            readiness = readiness_from(future.result(max(0.1, ends_s - time.monotonic())))
        except TimeoutError:
            self.client.cancel([future], force=True)
            reason, remedy = "It didn't answer in time.", "See whether it still runs, and start it again."
        except Exception as error:  # noqa: BLE001 - whatever a node of another version comes to
            reason = f"It couldn't be checked: {type(error).__name__}: {error}".rstrip(".") + "."
            remedy = "Its Frontburner may be another one: install the same on every machine."
        else:
            with suppress(OSError, TimeoutError):
                ask(self.client, "report", node=readiness.node, readiness=readiness.document())
            return readiness
        check = Check(name="check", grade=Grade.FAILS, reason=reason, remedy=remedy)
        return Readiness(node=node["name"], host=node["host"], checks=(check,))

    def _clock_checks(self, address: str, scheduler: ClockSkew) -> list[Check]:
        try:
            return [clock_check(self.clock(address), scheduler)]
        except (OSError, TimeoutError, LookupError, ValueError):
            return []  # it is gone, as its own check tells

    def clock(self, address: str) -> ClockSkew:
        """Read a node's clock, or the scheduler's."""
        readings = []
        for _ in range(READINGS):
            asked_s = time.time()
            if address:
                said_s = self.client.run(time.time, workers=[address])[address]
            else:
                said_s = self.client.run_on_scheduler(time.time)
            readings.append(Reading(asked_s=asked_s, said_s=said_s, answered_s=time.time()))
        return clock_skew(readings)


@contextmanager
def farm_check(scheduler: str) -> Iterator[FarmCheck]:
    """Connect to a farm.

    Raises
    ------
    FrontburnerError
        When its scheduler doesn't answer.
    """
    call(scheduler, "snapshot")  # says in a sentence when nobody is there
    with connected(scheduler) as client:
        yield FarmCheck(client=client)


@contextmanager
def clock_reading(url: str) -> Iterator[str]:
    """Put an object into a store, by which a node knows that its store is the same; yields its key.

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


def scheduler_checks(scheduler: str, here: Mapping[str, str]) -> list[Check]:
    """Say whether this machine, of which no node is there, reaches a scheduler and fits it."""
    try:
        with farm_check(scheduler) as farm:
            node = ClockSkew(ahead_s=0.0, give_s=0.0)
            clock = clock_check(node, farm.clock(""))
            return [
                Check(name="scheduler", value=scheduler),
                _version_check(farm.client.run_on_scheduler(versions), here), clock,
            ]  # fmt: skip
    except FrontburnerError as error:
        return [Check(name="scheduler", grade=Grade.FAILS, reason=error.reason, remedy=error.remedy)]


def waves(nodes: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Put nodes into waves with at most one of each machine."""
    seen: Counter[str] = Counter()
    found: list[list[Mapping[str, Any]]] = []
    for node in nodes:
        if seen[node["host"]] == len(found):
            found.append([])
        found[seen[node["host"]]].append(node)
        seen[node["host"]] += 1
    return found


def agreeing(nodes: Sequence[Readiness], *, scene: str = "") -> list[Readiness]:
    """Mark nodes whose scene isn't the one it should be, or that of most, or whose builds no job would use."""
    return _same_scene([_with_common_builds(node, nodes) for node in nodes], scene)


def _with_common_builds(node: Readiness, nodes: Sequence[Readiness]) -> Readiness:
    """Note where all other nodes with a renderer have other builds of it: a job uses one on all its nodes."""
    checks = []
    for check in node.checks:
        own = set(node.builds.get(check.name, ()))
        others = Counter(build for other in nodes if other is not node for build in other.builds.get(check.name, ()))
        alone = own and others and not own & others.keys() and check.grade is Grade.OK
        if alone:
            usual = others.most_common(1)[0][0]
            reason = f"It has {', '.join(sorted(own))}, and the others have {usual}: it renders none of their jobs."
            remedy = "Install the same version on every machine."
            checks.append(replace(check, grade=Grade.NOTE, reason=reason, remedy=remedy))
        else:
            checks.append(check)
    return replace(node, checks=tuple(checks))


def _same_scene(nodes: Sequence[Readiness], scene: str) -> list[Readiness]:
    digests = Counter(node.scene for node in nodes if node.scene)
    if not digests:
        return list(nodes)
    wanted = scene or digests.most_common(1)[0][0]
    where = "here" if scene else "on most machines"
    return [
        _with_other_scene(node, f"{wanted[:8]} {where}") if node.scene not in ("", wanted) else node for node in nodes
    ]


def _with_other_scene(node: Readiness, usual: str) -> Readiness:
    other = Check(
        name="scene", grade=Grade.FAILS,
        reason=f"Its scene is another one: {node.scene[:8]}, and {usual}.",
        remedy="Copy the scene and all its files there again.",
    )  # fmt: skip
    return replace(node, checks=tuple(other if check.name == "scene" else check for check in node.checks))


def _version_check(here: Mapping[str, str], there: Mapping[str, str]) -> Check:
    """Compare versions with those of the scheduler's machine."""
    others = differences(here, there)
    if not others:
        return Check(name="versions", value=there.get("frontburner", ""))
    return Check(
        name="versions", grade=Grade.FAILS, value=there.get("frontburner", ""),
        reason=f"Its versions aren't those of the scheduler's machine: {', '.join(others)}.",
        remedy="Install the same Frontburner there (make env, from the same source).",
    )  # fmt: skip
