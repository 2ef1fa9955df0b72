"""A job's part in the sharing of nodes: it enrols with the arbiter, says what it needs, and hears what it gets."""

from __future__ import annotations

import socket
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from flows.cluster.arbiter import holds_topic
from flows.cluster.calls import ask, install, post

if TYPE_CHECKING:
    from distributed import Client

    from flows.admission import Admission
    from flows.share import Terms


@dataclass(slots=True, kw_only=True)
class Part:
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
    terms: Terms
    admission: Admission
    _told: tuple[bool, dict[str, bool], tuple[str, ...]] | None = field(init=False, default=None)
    _tells: int = field(init=False, default=0)

    def enrol(self) -> None:
        """Take part, and learn what keeps nodes from the job."""
        install(self.client)
        self.client.subscribe_topic(holds_topic(self.topic), self._hear)
        answer = ask(
            self.client, "enrol", topic=self.topic, job=self.job, client=self.client.id, priority=self.priority,
            renderer=self.renderer, host=socket.gethostname(), terms=asdict(self.terms),
        )  # fmt: skip
        self.admission.keep_to(answer["holds"])

    def withdraw(self) -> None:
        """Take part no more."""
        post(self.client, "withdraw", topic=self.topic)
        self.client.unsubscribe_topic(holds_topic(self.topic))

    def tell(self, *, exhausted: bool) -> None:
        """Say whether the job has anything left to hand out, and where it can be rendered, if that is news."""
        told = exhausted, dict(self.admission.renders), self.admission.refused
        if told != self._told:
            self._told, self._tells = told, self._tells + 1
            post(
                self.client, "tell", topic=self.topic, nth=self._tells, exhausted=exhausted, renders=told[1],
                refused=told[2],
            )  # fmt: skip

    def prioritise(self, priority: int) -> None:
        """Give the job another priority."""
        self.priority = priority
        post(self.client, "prioritise", job=self.topic, priority=priority)

    def _hear(self, event: tuple[float, dict[str, Any]]) -> None:
        holds = event[1]["holds"]  # on a thread of Dask's
        self.admission.post(lambda: self.admission.keep_to(holds))
