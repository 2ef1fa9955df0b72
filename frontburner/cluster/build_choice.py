"""Chooses the build of a renderer that a job uses: the one with the most rendering capacity, and the same to its end.

Pictures of two builds differ, and so do those of one version's builds for two systems: a job uses one, on all nodes
that have it, unless it accepts those for any platform.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tasks.errors import NodeNotReady
from tasks.renderers import renderer as adapter_of
from tasks.renderers.build_names import ANY, fits, for_any_platform, full_name, is_build, platform_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from storage.errors import FrontburnerError


_NAMED = 3
"""Reasons, and nodes for each, that are named."""
BEFORE_PLATFORMS = "linux-x86_64"
"""What jobs began with whose records don't say; theirs is the build that most nodes have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeReport:
    """The builds of a renderer that work on a node, in its order of preference, or why none does.

    Parameters
    ----------
    cores
        Those it renders with.
    takes_work
        Whether it does at present: it isn't paused, in use or outside its hours.
    """

    node: str
    builds: tuple[str, ...] = ()
    cores: int = 1
    takes_work: bool = True
    error: FrontburnerError | None = None

    def has(self, wanted: str) -> bool:
        """Whether it has a build that is wanted."""
        return any(is_build(build, wanted) for build in self.builds)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildChoice:
    """The build that a job uses; ``sentence`` says why and which nodes are left out, if there was a choice."""

    build: str
    sentence: str = ""


def choose_build(reports: Sequence[NodeReport], renderer: str, *, asked: str = "", begun_with: str = "") -> BuildChoice:
    """Choose the build with the most capacity: of the nodes that take work now, then of all.

    Of equals it is the one that ranks highest on the nodes, then the first by name.

    Parameters
    ----------
    asked
        What the job says of it: a build, the first letters of words of its name, ``any``.
    begun_with
        The build of the job's earlier runs, which is kept as long as a node has it.

    Raises
    ------
    NodeNotReady
        When no node has any, with the reasons of the nodes; or none that is asked for.
    """
    offered = {build: None for report in reports for build in report.builds}  # in the order of nodes
    if not offered:
        raise _nothing_works(reports, renderer)
    possible = _asked_for(offered, asked)
    if not possible:
        raise _not_there(reports, renderer, asked)
    kept = [build for build in possible if build == begun_with] or [
        build for build in possible if begun_with and fits(build, begun_with)
    ]
    demerits = _demerits_by_nodes if begun_with == BEFORE_PLATFORMS else _demerits
    build = min(kept or possible, key=lambda build: (*demerits(build, reports, renderer), build))
    why = "as the job asks" if asked else "as in its earlier runs" if kept else "which can render the most now"
    sentences = [_mixing(build, renderer) if platform_of(build) == ANY else _leaving_out(build, reports, renderer, why)]
    if begun_with not in ("", BEFORE_PLATFORMS) and not kept:
        sentences.append(
            f"Its earlier runs used {full_name(begun_with)}, which no node has now: their frames are rendered again."
        )
    return BuildChoice(build=build, sentence=" ".join(filter(None, sentences)))


def why_left_out(builds: Sequence[str], wanted: str) -> str:
    """Say why a node with these builds doesn't render a job."""
    return f"It has {', '.join(map(full_name, builds))}; the job needs {full_name(wanted)}, as pixels of builds differ."


def _asked_for(builds: Iterable[str], asked: str) -> list[str]:
    """Return the builds that a job may choose from; those for any platform as one each."""
    words = asked.split()
    if ANY in words:
        others = " ".join(word for word in words if word != ANY)
        return list(dict.fromkeys(for_any_platform(build) for build in builds if fits(build, others)))
    builds = list(builds)
    return [build for build in builds if build == asked] or [build for build in builds if fits(build, asked)]


def _demerits(build: str, reports: Sequence[NodeReport], renderer: str) -> tuple[float, ...]:
    """Return capacity at present, capacity, and rank of a build, each negative, so that the least is the best."""
    have = [report for report in reports if report.has(build)]
    speed = adapter_of(renderer).capabilities(build).speed
    now = sum(report.cores for report in have if report.takes_work)
    return -speed * now, -speed * sum(report.cores for report in have), _rank(build, have)


def _demerits_by_nodes(build: str, reports: Sequence[NodeReport], _: str) -> tuple[float, ...]:
    have = [report for report in reports if report.has(build)]
    return -len(have), _rank(build, have)


def _rank(build: str, have: Sequence[NodeReport]) -> int:
    """Return a build's rank on the nodes that have it, the least for the best."""
    ranks = (next(i for i, each in enumerate(report.builds) if is_build(each, build)) for report in have)
    return sum(index - len(report.builds) for report, index in zip(have, ranks, strict=True))


def _mixing(build: str, renderer: str) -> str:
    return (
        f"Its pictures may be mixed of builds of {renderer} {full_name(build).removesuffix(ANY)}for several systems, "
        "as the job accepts: their pixels differ a little."
    )


def _leaving_out(build: str, reports: Sequence[NodeReport], renderer: str, why: str) -> str:
    """Say which nodes with the renderer take no part; empty if there are none."""
    left: dict[str, list[str]] = {}
    for report in reports:
        if report.builds and build not in report.builds:
            left.setdefault(", ".join(map(full_name, report.builds)), []).append(report.node)
    if not left:
        return ""
    nodes = "; ".join(f"{_listed(names)} with {builds}" for builds, names in left.items())
    return (
        f"It is rendered with {renderer} {full_name(build)}, {why}, and leaves out nodes whose builds give other "
        f"pixels: {nodes}. Another build, or any, is chosen with --renderer-build."
    )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _why(reports: Sequence[NodeReport]) -> str:
    """Return the reasons of the nodes, each once."""
    nodes: dict[str, list[str]] = {}
    for report in reports:
        if report.error:
            nodes.setdefault(report.error.reason, []).append(report.node)
    if len(nodes) == 1:
        return next(iter(nodes))
    told = [f"{', '.join(names[:_NAMED])}: {reason}" for reason, names in list(nodes.items())[:_NAMED]]
    return " ".join(told)


def _nothing_works(reports: Sequence[NodeReport], renderer: str) -> FrontburnerError:
    errors = [report.error for report in reports if report.error]
    if len(reports) > 1 and errors:
        return replace(
            errors[0], reason=f"None of the {len(reports)} nodes can render with {renderer}. {_why(reports)}"
        )
    if errors:
        return errors[0]
    return NodeNotReady(
        reason=f"No node can render with {renderer}.",
        remedy="Start a node that has it.",
        node=", ".join(report.node for report in reports),
        renderer=renderer,
    )


def _not_there(reports: Sequence[NodeReport], renderer: str, asked: str) -> FrontburnerError:
    names = sorted({full_name(build) for report in reports for build in report.builds})
    there = f"{'is' if len(names) == 1 else 'are'} {', '.join(names)}"
    return NodeNotReady(
        reason=f"No node has a build of {renderer} that fits '{asked}': there {there}.",
        remedy="Ask for one of these (renderer_build), or start a node that has it.",
        node="",
        renderer=renderer,
    )
