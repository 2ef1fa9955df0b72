"""Decides how many nodes a cluster should have: enough to finish the work of all jobs in time, and no idle ones."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from distributed.deploy.adaptive import Adaptive

from frontburner.cluster.arbiter import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def nodes_for(jobs: Iterable[Mapping[str, Any]], *, current: int, end_within_s: float) -> int:
    """Return how many nodes the jobs of a farm need.

    A node that renders is always needed: the number falls only as nodes run out of units.

    Parameters
    ----------
    jobs
        Of each, ``work_s``: seconds a single node would need for what is left of it, None while unknown;
        ``busy``: nodes that render it; ``exhausted``: whether all its units are handed out; ``max_nodes``.
    current
        Nodes that have joined or were requested.
    end_within_s
        How long the work that is left may take.
    """
    needed, known = 0, True
    for job in jobs:
        limit = job["max_nodes"] or math.inf
        if job["exhausted"]:
            needed += job["busy"]
        elif job["work_s"] is None:
            needed, known = needed + max(1, job["busy"]), False
        else:
            needed += int(min(limit, max(1, job["busy"], math.ceil(job["work_s"] / end_within_s))))
        needed = max(1, needed)  # a job that only writes pictures needs a node, too
    return needed if known else max(needed, current)


class ScaleByWork(Adaptive):  # type: ignore[misc]
    """Dask's adaptive scaling, by the work that all jobs have left."""

    def __init__(self, *args: Any, end_within_s: float, **kwargs: Any) -> None:  # noqa: ANN401 - as of Adaptive
        self._end_within_s = end_within_s
        super().__init__(*args, **kwargs)

    async def target(self) -> int:
        """Return how many nodes there should be."""
        jobs = await getattr(self.scheduler, f"{PREFIX}demand")()
        return nodes_for(jobs, current=len(self.plan), end_within_s=self._end_within_s)
