"""A run of a chain: each stage is a step, started once all it depends on is complete, and its outcome recorded."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from prefect import get_run_logger
from prefect.client.schemas.objects import State, StateType
from prefect.exceptions import CancelledRun
from prefect.states import Cancelled

from frontburner import events as ev
from frontburner.chains.chain import resolve_path
from frontburner.chains.stamps import stamp_of
from frontburner.cluster.prefect_internals import thread_future
from frontburner.control.desired_state import cancelled_by
from frontburner.events import StageState
from frontburner.events.context import in_stage
from frontburner.jobs.durations import parse_span
from storage.errors import FrontburnerError
from tasks.process.user_command import UserCommand, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from prefect.futures import PrefectFuture

    from frontburner.chains.chain import Chain, Stage
    from frontburner.jobs.job import RenderJob

    Steps = Mapping[str, PrefectFuture[Any]]

_STATE_TYPES = {
    StageState.COMPLETED: StateType.COMPLETED,
    StageState.REUSED: StateType.COMPLETED,
    StageState.FAILED: StateType.FAILED,
    StageState.SKIPPED: StateType.CANCELLED,
}
"""Prefect's state of a step by that of its stage."""


@dataclass(kw_only=True, eq=False)
class ChainFailed(FrontburnerError):
    """A chain not all of whose stages are complete; the outcome of each is in ``report``."""

    report: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a stage ended, and what it made."""

    name: str
    state: StageState
    reason: str = ""
    remedy: str = ""
    seconds: float = 0.0
    outputs: tuple[str, ...] = ()
    report: dict[str, Any] | None = None

    @property
    def complete(self) -> bool:
        """Whether stages that depend on it may start."""
        return self.state in (StageState.COMPLETED, StageState.REUSED)


class ChainRun:
    """What the steps of a chain's run share. Not a dataclass: Prefect looks into those that are passed to steps."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._stages = {stage.name: stage for stage in chain.in_order()}
        self._outcomes = {
            name: Outcome(name=name, state=StageState.SKIPPED, reason="since the chain was stopped")
            for name in self._stages
        }
        self._halts: list[str] = []
        """Messages of jobs that were suspended or cancelled."""
        self._began_s = time.monotonic()
        self._stop = threading.Event()

    @contextmanager
    def until_all_ended(self, steps: Steps) -> Iterator[None]:
        """Wait for all steps at the end of the context; on an error, such as Ctrl-C in the main thread, stop them."""
        try:
            yield
        except BaseException:
            self._stop.set()
            raise
        finally:
            concurrent.futures.wait([thread_future(step) for step in steps.values()])

    def ready_stages(self, steps: Steps) -> Iterator[Stage]:
        """Yield each stage when all it depends on has ended, whatever the outcome.

        Parameters
        ----------
        steps
            Steps of the stages yielded so far.
        """
        waiting = list(self._stages.values())
        while waiting:
            ended = {name for name, step in steps.items() if thread_future(step).done()}
            ready = [stage for stage in waiting if ended.issuperset(stage.after)]
            yield from ready
            waiting = [stage for stage in waiting if stage not in ready]
            if not ready:
                running = [thread_future(step) for name, step in steps.items() if name not in ended]
                concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)

    def run_command(self, name: str) -> State[Any]:
        """Run the command of a stage; returns the state of its step."""
        return self._run_stage(self._stages[name], self._command_outcome)

    def render_job(self, name: str, render: Callable[[RenderJob], Any]) -> State[Any]:
        """Render the job of a stage; returns the state of its step."""
        return self._run_stage(self._stages[name], lambda stage: self._job_outcome(stage, render))

    def report(self) -> dict[str, Any] | State[Any]:
        """Return the outcomes of all stages, in their order; a state of Prefect's if one of the jobs was halted.

        Raises
        ------
        ChainFailed
            When one failed.
        """
        outcomes = list(self._outcomes.values())
        report = {"chain": self._chain.name, "stages": [asdict(outcome) for outcome in outcomes]}
        failed = [outcome for outcome in outcomes if outcome.state is StageState.FAILED]
        if failed:
            raise ChainFailed(
                reason=f"{len(failed)} of {len(outcomes)} stages failed; {failed[0].name}: {failed[0].reason}",
                remedy=f"{failed[0].remedy} Then run the same chain again: it resumes where it stopped.".strip(),
                report=report,
            )
        return Cancelled(message=self._halts[0]) if self._halts else report

    def _run_stage(self, stage: Stage, act: Callable[[Stage], Outcome]) -> State[Any]:
        """Run a stage if all it depends on is complete."""
        with in_stage(stage.name), cancelled_by(self._stop):
            number = list(self._stages).index(stage.name) + 1
            ev.announce(ev.StageBegan(at_s=self._at_s(), name=stage.name, number=number, of=len(self._stages)))
            outcome = self._outcomes[stage.name] = self._outcome(stage, act)
            ended = ev.StageEnded(at_s=self._at_s(), name=stage.name, state=outcome.state, reason=outcome.reason)
            ev.announce(ended)
        name = outcome.state.title().replace(" ", "")
        return State(type=_STATE_TYPES[outcome.state], name=name, message=outcome.reason or None)

    def _outcome(self, stage: Stage, act: Callable[[Stage], Outcome]) -> Outcome:
        stopped = self._outcomes[stage.name]
        failed = Outcome(name=stage.name, state=StageState.FAILED)
        incomplete = [name for name in stage.after if not self._outcomes[name].complete]
        if self._stop.is_set():
            return stopped
        if incomplete:
            return replace(stopped, reason=f"since {incomplete[0]} isn't complete")
        began_s = time.monotonic()
        try:
            outcome = act(stage)
        except CancelledRun as cancelled:  # its job was suspended or cancelled
            self._halts.append(str(cancelled))
            outcome = replace(stopped, reason=str(cancelled))
        except FrontburnerError as error:
            report = getattr(error, "report", None)
            outcome = replace(failed, reason=error.reason, remedy=error.remedy, report=report)
        except Exception as error:  # noqa: BLE001 - an unforeseen error fails this stage alone
            get_run_logger().exception("stage %s", stage.name)
            outcome = replace(failed, reason=f"{type(error).__name__}: {error}")
        if self._stop.is_set() and not outcome.complete:
            return stopped
        return replace(outcome, seconds=time.monotonic() - began_s)

    def _job_outcome(self, stage: Stage, render: Callable[[RenderJob], Any]) -> Outcome:
        assert stage.job is not None
        report = render(stage.job)
        reused = report["reused_frames"] == report["frames"]
        if not reused:
            self._clear_dependent_stamps(stage)
        state = StageState.REUSED if reused else StageState.COMPLETED
        return Outcome(name=stage.name, state=state, outputs=tuple(report["outputs"]), report=report)

    def _command_outcome(self, stage: Stage) -> Outcome:
        stamp = stamp_of(self._chain, stage)
        if stamp.up_to_date():
            return Outcome(name=stage.name, state=StageState.REUSED)
        self._clear_dependent_stamps(stage)
        command = UserCommand(
            arguments=tuple(stage.run),
            folder=stamp.folder,
            log=str(stamp.log),
            timeout_s=parse_span(stage.time_limit) if stage.time_limit else None,
        )
        get_run_logger().info("%s (in %s; log %s)", list(command.arguments), command.folder, command.log)
        run(command, self._stop)
        missing = [path for path in stage.writes if not resolve_path(path, stamp.folder).exists()]
        if missing:
            raise FrontburnerError(
                reason=f"It succeeded, but didn't write {missing[0]}.",
                remedy=f"See its output: {stamp.log}. Or correct the stage's field writes.",
            )
        stamp.set()
        return Outcome(name=stage.name, state=StageState.COMPLETED)

    def _clear_dependent_stamps(self, stage: Stage) -> None:
        """Have commands that depend on a stage run again: it remakes what they may use."""
        dependent = self._chain.dependent_on(stage.name)
        for each in self._chain.stages:
            if each.name in dependent and each.run:
                stamp_of(self._chain, each).clear()

    def _at_s(self) -> float:
        return time.monotonic() - self._began_s
