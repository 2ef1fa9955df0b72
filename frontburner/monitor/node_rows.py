"""The nodes as the page shows them: what the farm says of each, with what jobs under way tell of it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from frontburner.monitor.job_rows import doing_words
from frontburner.monitor.json_patch import without_none

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from frontburner.monitor.node_activity import NodeActivity

GONE = "gone"
NOT_READY = "not ready"
_TOLD = ("job", "renders", "groups", "hours", "excluded", "why", "host", "problems", "remedies", "threads",
         "memory_bytes", "memory_used_bytes", "cpu_percent")  # fmt: skip


def rows(snapshot: Mapping[str, Any], jobs: Mapping[str, Mapping[str, NodeActivity]]) -> dict[str, dict[str, Any]]:
    """Return a row a node, by name: those of the farm, and those that jobs under way have lost.

    Parameters
    ----------
    jobs
        What nodes did for each job under way, by its identity.
    """
    found = {node["name"]: _row(node, _at(jobs, node["name"])) for node in snapshot.get("nodes", ())}
    for job_id, doings in jobs.items():
        for name, doing in doings.items():
            if name not in found and (doing.lost or doing.there or doing.under_way):
                found[name] = _unseen(name, job_id, doing, asked="nodes" in snapshot)
    return found


def _at(jobs: Mapping[str, Mapping[str, NodeActivity]], name: str) -> list[tuple[str, NodeActivity]]:
    return [(job_id, doings[name]) for job_id, doings in jobs.items() if name in doings]


def _row(node: Mapping[str, Any], doings: list[tuple[str, NodeActivity]]) -> dict[str, Any]:
    told = {name: node.get(name) for name in _TOLD}
    ready = not (node["problems"] and node["state"] in ("idle", "rendering"))
    aside = next((doing.said for _, doing in doings if doing.mishaps and not doing.there and doing.said), None)
    return without_none(
        {
            "name": node["name"],
            "state": node["state"] if ready or node["state"] == "rendering" else NOT_READY,
            **told,
            "aside": aside,
            **_figures([doing for _, doing in doings]),
        }
    )


def _figures(doings: Iterable[NodeActivity]) -> dict[str, Any]:
    """What jobs tell of a node."""
    doings = list(doings)
    under_way = {block: since for doing in doings for block, since in doing.under_way.items()}
    mishaps = sorted((mishap for doing in doings for mishap in doing.mishaps), key=lambda mishap: mishap.at)
    return {
        "doing": doing_words(under_way),
        "since": min(under_way.values()) if under_way else None,
        "rate": round(max((doing.rate for doing in doings), default=0.0)),
        "units": sum(len(doing.spans) for doing in doings),
        "failures": len(mishaps),
        "mishap": [mishaps[-1].at, mishaps[-1].words] if mishaps else None,
    }


def _unseen(name: str, job_id: str, doing: NodeActivity, *, asked: bool) -> dict[str, Any]:
    """A node the farm doesn't tell of: it is gone, or the farm can't be asked."""
    gone = asked or bool(doing.lost)
    why = f"The job lost it at {doing.lost[11:19]}; what it had begun is rendered elsewhere." if doing.lost else ""
    remedy = "Look whether its machine runs and reaches the scheduler; `frontburner node start` there has it back."
    return without_none(
        {
            "name": name,
            "state": GONE if gone else "rendering" if doing.under_way else "idle",
            "job": job_id,
            "why": doing.said or why,
            "problems": [why] if doing.lost else [],
            "remedies": [remedy] if doing.lost else [],
            "renders": [],
            "groups": [],
            "hours": "",
            "excluded": [],
            **_figures([doing]),
        }
    )


def details(
    name: str, jobs: Mapping[str, Mapping[str, NodeActivity]], load: Iterable[tuple[float, float, float]]
) -> dict[str, Any]:
    """Return a node's history: what it rendered and what went wrong, and its processor and memory of late.

    Parameters
    ----------
    load
        Moments, processor in percent and memory in parts of the whole.
    """
    doings = _at(jobs, name)
    spans = [
        [round(span.from_s, 2), round(span.to_s, 2), round(span.load_s, 2), span.frame, span.counts, job_id]
        for job_id, doing in doings
        for span in doing.spans
    ]
    mishaps = [[mishap.at, mishap.words, job_id] for job_id, doing in doings for mishap in doing.mishaps]
    return {"spans": sorted(spans), "mishaps": sorted(mishaps, reverse=True), "load": [list(each) for each in load]}
