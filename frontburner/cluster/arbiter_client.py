"""A job's part in the sharing of nodes: it enrols with the arbiter, says what it needs, and hears what it gets."""

from __future__ import annotations

import socket
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from frontburner.cluster.arbiter import holds_topic
from frontburner.cluster.arbiter_calls import ask, install, post

if TYPE_CHECKING:
    from distributed import Client

    from frontburner.cluster.admission import Admission
    from frontburner.plan.fair_share import ShareTerms

NEWS_PART = 0.1
"""An estimate that changed by this part is told again."""


@dataclass(slots=True, kw_only=True)
class ArbiterClient:
    """What a run of a job and the arbiter say to each other.

    Parameters
    ----------
    topic
        The run's own name.
    job
        The job's identity.
    admission
        Is told which nodes the job is kept from.
    """

    client: Client
    topic: str
    job: str
    renderer: str
    priority: int
    terms: ShareTerms
    admission: Admission
    patience_s: float | None = field(init=False, default=None)
    """How long the farm wants the job to wait for a node, where it says so."""
    _told: tuple[bool, dict[str, bool], tuple[str, ...]] | None = field(init=False, default=None)
    _told_work_s: float | None = field(init=False, default=None)
    _tells: int = field(init=False, default=0)

    def enrol(self) -> None:
        """Take part, and learn what keeps nodes from the job."""
        install(self.client)
        self.client.subscribe_topic(holds_topic(self.topic), self._hear)
        answer = ask(
            self.client, "enrol", topic=self.topic, job=self.job, client=self.client.id, priority=self.priority,
            renderer=self.renderer, host=socket.gethostname(), terms=asdict(self.terms),
        )  # fmt: skip
        self.patience_s = answer.get("patience_s")
        self.admission.keep_to(answer["holds"])

    def withdraw(self) -> None:
        """Take part no more."""
        post(self.client, "withdraw", topic=self.topic)
        self.client.unsubscribe_topic(holds_topic(self.topic))

    def tell(self, *, exhausted: bool, work_s: float | None = None) -> None:
        """Say what the job has left, and where it can be rendered, if that is news.

        Parameters
        ----------
        exhausted
            Whether it has nothing left to hand out.
        work_s
            Seconds a single node would take for what is left, where that is known.
        """
        told = exhausted, dict(self.admission.renders), self.admission.refused
        if told != self._told or _differs(work_s, self._told_work_s):
            self._told, self._told_work_s, self._tells = told, work_s, self._tells + 1
            post(
                self.client, "tell", topic=self.topic, nth=self._tells, exhausted=exhausted, renders=told[1],
                refused=told[2], work_s=work_s,
            )  # fmt: skip

    def prioritise(self, priority: int) -> None:
        """Give the job another priority."""
        self.priority = priority
        post(self.client, "prioritise", job=self.topic, priority=priority)

    def _hear(self, event: tuple[float, dict[str, Any]]) -> None:
        holds = event[1]["holds"]  # on a thread of Dask's
        self.admission.post(lambda: self.admission.keep_to(holds))


def _differs(work_s: float | None, told_s: float | None) -> bool:
    """Whether an estimate has changed enough to be told again."""
    if work_s is None or told_s is None:
        return work_s is not told_s
    return abs(work_s - told_s) > NEWS_PART * told_s
