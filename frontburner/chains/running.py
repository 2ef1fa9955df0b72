"""A run of a chain: each stage is a step, done where all it comes after is complete, and judged by its outcome."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from prefect import get_run_logger
from prefect.client.schemas.objects import State, StateType
from prefect.exceptions import CancelledRun
from prefect.states import Cancelled

from frontburner import events as ev
from frontburner.chains.chain import expected
from frontburner.chains.marks import mark_of
from frontburner.chains.outcomes import ChainFailed, Outcome
from frontburner.control.desired_state import cancelled_by
from frontburner.events import StageState
from frontburner.events.context import in_stage
from frontburner.jobs.durations import parse_span
from frontburner.run.step_watch import thread_of
from storage.errors import FrontburnerError
from tasks.process.user_command import UserCommand, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from prefect.futures import PrefectFuture

    from frontburner.chains.chain import Chain, Stage
    from frontburner.jobs.job import RenderJob

    Steps = Mapping[str, PrefectFuture[Any]]

_TYPES = {
    StageState.COMPLETED: StateType.COMPLETED,
    StageState.REUSED: StateType.COMPLETED,
    StageState.FAILED: StateType.FAILED,
    StageState.LEFT_OUT: StateType.CANCELLED,
}
"""What the state of a step is to Prefect that ended so."""


class RunningChain:
    """What the steps of a chain's run share. No dataclass: Prefect looks into those that are given to steps."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._stages = {stage.name: stage for stage in chain.in_order()}
        stopped = Outcome(name="", state=StageState.LEFT_OUT, reason="since the chain was stopped")
        self._outcomes = {name: replace(stopped, name=name) for name in self._stages}
        self._halted: list[str] = []
        self._began_s = time.monotonic()
        self._stop = threading.Event()

    @contextmanager
    def until_all_ended(self, steps: Steps) -> Iterator[None]:
        """End with all steps. What ends the flow, such as Ctrl-C, reaches its main thread alone: it ends them first."""
        try:
            yield
        except BaseException:
            self._stop.set()
            raise
        finally:
            concurrent.futures.wait([thread_of(step) for step in steps.values()])

    def in_turn(self, steps: Steps) -> Iterator[Stage]:
        """Give each stage when all it comes after has ended, whatever became of that.

        Parameters
        ----------
        steps
            Steps of the stages that were given.
        """
        waiting = list(self._stages.values())
        while waiting:
            ended = {name for name, step in steps.items() if thread_of(step).done()}
            ready = [stage for stage in waiting if ended.issuperset(stage.after)]
            yield from ready
            waiting = [stage for stage in waiting if stage not in ready]
            if not ready:
                others = [thread_of(step) for name, step in steps.items() if name not in ended]
                concurrent.futures.wait(others, return_when=concurrent.futures.FIRST_COMPLETED)

    def command(self, name: str) -> State[Any]:
        """Run the command of a stage; returns the state of its step."""
        return self._do(self._stages[name], self._run)

    def job(self, name: str, render: Callable[[RenderJob], Any]) -> State[Any]:
        """Have the job of a stage rendered; returns the state of its step."""
        return self._do(self._stages[name], lambda stage: self._rendered(stage, render))

    def report(self) -> dict[str, Any] | State[Any]:
        """Return how all stages ended, in their order; a state of Prefect's if someone halted one of the jobs.

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
                remedy=f"{failed[0].remedy} Then run the same chain again: it goes on where it stopped.".strip(),
                report=report,
            )
        return Cancelled(message=self._halted[0]) if self._halted else report

    def _do(self, stage: Stage, act: Callable[[Stage], Outcome]) -> State[Any]:
        """Do a stage, if all it comes after is complete."""
        with in_stage(stage.name), cancelled_by(self._stop):
            number = list(self._stages).index(stage.name) + 1
            ev.announce(ev.StageBegan(at_s=self._at_s(), name=stage.name, number=number, of=len(self._stages)))
            outcome = self._outcomes[stage.name] = self._outcome(stage, act)
            ended = ev.StageEnded(at_s=self._at_s(), name=stage.name, state=outcome.state, reason=outcome.reason)
            ev.announce(ended)
        name = outcome.state.title().replace(" ", "")
        return State(type=_TYPES[outcome.state], name=name, message=outcome.reason or None)

    def _outcome(self, stage: Stage, act: Callable[[Stage], Outcome]) -> Outcome:
        stopped = self._outcomes[stage.name]
        failed = Outcome(name=stage.name, state=StageState.FAILED)
        missing = [name for name in stage.after if not self._outcomes[name].complete]
        if self._stop.is_set():
            return stopped
        if missing:
            return replace(stopped, reason=f"since {missing[0]} isn't complete")
        began_s = time.monotonic()
        try:
            outcome = act(stage)
        except CancelledRun as cancelled:  # someone suspended or cancelled its job
            self._halted.append(str(cancelled))
            outcome = replace(stopped, reason=str(cancelled))
        except FrontburnerError as error:
            report = getattr(error, "report", None)
            outcome = replace(failed, reason=error.reason, remedy=error.remedy, report=report)
        except Exception as error:  # noqa: BLE001 - nobody foresaw it, but it is this stage's alone
            get_run_logger().exception("stage %s", stage.name)
            outcome = replace(failed, reason=f"{type(error).__name__}: {error}")
        if self._stop.is_set() and not outcome.complete:
            return stopped
        return replace(outcome, seconds=time.monotonic() - began_s)

    def _rendered(self, stage: Stage, render: Callable[[RenderJob], Any]) -> Outcome:
        assert stage.job is not None
        report = render(stage.job)
        reused = report["reused_frames"] == report["frames"]
        if not reused:
            self._clear_behind(stage)
        state = StageState.REUSED if reused else StageState.COMPLETED
        return Outcome(name=stage.name, state=state, outputs=tuple(report["outputs"]), report=report)

    def _run(self, stage: Stage) -> Outcome:
        mark = mark_of(self._chain, stage)
        if mark.stands():
            return Outcome(name=stage.name, state=StageState.REUSED)
        self._clear_behind(stage)
        command = UserCommand(
            arguments=tuple(stage.run),
            folder=mark.folder,
            log=str(mark.log),
            timeout_s=parse_span(stage.time_limit) if stage.time_limit else None,
        )
        get_run_logger().info("%s (in %s; log %s)", list(command.arguments), command.folder, command.log)
        run(command, self._stop)
        unmade = [path for path in stage.writes if not expected(path, mark.folder).exists()]
        if unmade:
            raise FrontburnerError(
                reason=f"It ended well, but didn't write {unmade[0]}.",
                remedy=f"See what it said: {mark.log}. Or correct what the stage says that it writes.",
            )
        mark.set()
        return Outcome(name=stage.name, state=StageState.COMPLETED)

    def _clear_behind(self, stage: Stage) -> None:
        """Have commands that come after a stage run again: it makes anew what they may use."""
        later = self._chain.behind(stage.name)
        for each in self._chain.stages:
            if each.name in later and each.run:
                mark_of(self._chain, each).clear()

    def _at_s(self) -> float:
        return time.monotonic() - self._began_s
