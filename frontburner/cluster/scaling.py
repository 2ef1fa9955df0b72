"""How many nodes a cluster should have: enough for what is left of all jobs to end in time, and no idle ones."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from distributed.deploy.adaptive import Adaptive

from frontburner.cluster.arbiter import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def nodes_for(jobs: Iterable[Mapping[str, Any]], *, there: int, end_within_s: float) -> int:
    """Return how many nodes the jobs of a farm need.

    A node that has something to render is never one too many: what is begun is ended, and its number falls only when
    nodes find nothing more to do.

    Parameters
    ----------
    jobs
        Of each, ``work_s``: seconds a single node would take for what is left of it, None while that isn't known;
        ``busy``: nodes that render it; ``exhausted``: whether all of it is handed out; ``max_nodes``.
    there
        Nodes that there are or that were asked for.
    end_within_s
        How long what is left may take.
    """
    wanted, known = 0, True
    for job in jobs:
        most = job["max_nodes"] or math.inf
        if job["exhausted"]:
            wanted += job["busy"]
        elif job["work_s"] is None:
            wanted, known = wanted + max(1, job["busy"]), False
        else:
            wanted += int(min(most, max(1, job["busy"], math.ceil(job["work_s"] / end_within_s))))
        wanted = max(1, wanted)  # a job that only finishes pictures does that on a node, too
    return wanted if known else max(wanted, there)


class ScaleByWork(Adaptive):  # type: ignore[misc]
    """Dask's adaptive scaling, whose target is what the planners of all jobs say is left."""

    def __init__(self, *args: Any, end_within_s: float, **kwargs: Any) -> None:  # noqa: ANN401 - as Dask has them
        self._end_within_s = end_within_s
        super().__init__(*args, **kwargs)

    async def target(self) -> int:
        """Return how many nodes there should be."""
        jobs = await getattr(self.scheduler, f"{PREFIX}needs")()
        return nodes_for(jobs, there=len(self.plan), end_within_s=self._end_within_s)
