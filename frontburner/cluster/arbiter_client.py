"""A job's connection to the arbiter: it enrols, reports its demand, and receives its holds."""

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

MIN_CHANGE = 0.1
"""An estimate that changed by a smaller part isn't reported again."""


@dataclass(slots=True, kw_only=True)
class ArbiterClient:
    """Connects a run of a job with the arbiter.

    Parameters
    ----------
    topic
        Name of the run.
    job
        Identity of the job.
    admission
        Receives the holds.
    """

    client: Client
    topic: str
    job: str
    renderer: str
    priority: int
    terms: ShareTerms
    admission: Admission
    node_timeout_s: float | None = field(init=False, default=None)
    """How long the job should wait for a node, where the farm says so."""
    _reported: tuple[bool, dict[str, bool], dict[str, str]] | None = field(init=False, default=None)
    _reported_work_s: float | None = field(init=False, default=None)
    _reported_done: float | None = field(init=False, default=None)
    _updates: int = field(init=False, default=0)

    def enrol(self) -> None:
        """Enrol the run, and receive its holds from then on."""
        install(self.client)
        self.client.subscribe_topic(holds_topic(self.topic), self._on_holds)
        answer = ask(
            self.client, "enrol", topic=self.topic, job=self.job, client=self.client.id, priority=self.priority,
            renderer=self.renderer, host=socket.gethostname(), terms=asdict(self.terms),
        )  # fmt: skip
        self.node_timeout_s = answer.get("node_timeout_s")
        self.admission.set_holds(answer["holds"])

    def withdraw(self) -> None:
        """End the run's enrolment."""
        post(self.client, "withdraw", topic=self.topic)
        self.client.unsubscribe_topic(holds_topic(self.topic))

    def report_demand(self, *, exhausted: bool, work_s: float | None = None, done: float | None = None) -> None:
        """Report what the job has left and where it can be rendered, if that changed.

        Parameters
        ----------
        exhausted
            Whether all its units are handed out.
        work_s
            Seconds a single node would need for what is left, if known.
        done
            Part of the job that is done, if known.
        """
        done = None if done is None else round(done, 2)
        report = exhausted, dict(self.admission.renders), dict(self.admission.refused)
        if report != self._reported or done != self._reported_done or _differs(work_s, self._reported_work_s):
            self._reported, self._reported_work_s, self._updates = report, work_s, self._updates + 1
            self._reported_done = done
            post(
                self.client, "update_job", topic=self.topic, number=self._updates, exhausted=exhausted,
                renders=report[1], refused=report[2], work_s=work_s, done=done,
            )  # fmt: skip

    def prioritise(self, priority: int) -> None:
        """Change the job's priority."""
        self.priority = priority
        post(self.client, "prioritise", job=self.topic, priority=priority)

    def _on_holds(self, event: tuple[float, dict[str, Any]]) -> None:
        holds = event[1]["holds"]  # this is one of Dask's threads
        self.admission.post(lambda: self.admission.set_holds(holds))


def _differs(work_s: float | None, reported_s: float | None) -> bool:
    """Whether an estimate changed enough to be reported again."""
    if work_s is None or reported_s is None:
        return work_s is not reported_s
    return abs(work_s - reported_s) > MIN_CHANGE * reported_s
