"""The flow of a chain: its stages in order; what failed holds up only what comes after it."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from prefect import flow, get_run_logger

from flows.render import render
from frontburner import events as ev
from frontburner.chains.chain import Chain, Stage, expected
from frontburner.chains.marks import mark_of
from frontburner.events import StageState
from frontburner.jobs.spans import parse_span
from frontburner.settings import environment
from storage.errors import FrontburnerError
from tasks.command import Command
from tasks.steps import run_command

if TYPE_CHECKING:
    from frontburner.jobs.job import RenderJob


@dataclass(kw_only=True, eq=False)
class ChainFailed(FrontburnerError):
    """A chain of which not all stages are complete; how each ended is in ``report``."""

    report: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a stage ended. ``changed`` says whether it made anything that may differ from before."""

    name: str
    state: StageState
    reason: str = ""
    remedy: str = ""
    seconds: float = 0.0
    outputs: tuple[str, ...] = ()
    report: dict[str, Any] | None = None

    @property
    def complete(self) -> bool:
        """Whether what comes after it may begin."""
        return self.state in (StageState.COMPLETED, StageState.REUSED)


@flow(name="chain", flow_run_name="{chain.name}", persist_result=False)
def run_chain(chain: Chain) -> dict[str, Any]:
    """Run a chain: jobs and commands that depend on each other.

    The same chain goes on where it stopped: frames in place are not rendered again, nor are commands run again that
    are complete and whose files are as they were.

    Parameters
    ----------
    chain
        Its stages, each with what it comes after.
    """
    began_s = time.monotonic()
    outcomes: dict[str, Outcome] = {}
    for number, stage in enumerate(chain.in_order(), start=1):
        at_s = time.monotonic() - began_s
        ev.announce(ev.StageBegan(at_s=at_s, name=stage.name, number=number, of=len(chain.stages)))
        outcome = _outcome(chain, stage, outcomes)
        outcomes[stage.name] = outcome
        get_run_logger().info("stage %s: %s", stage.name, " ".join(filter(None, [outcome.state, outcome.reason])))
        at_s = time.monotonic() - began_s
        ev.announce(ev.StageEnded(at_s=at_s, name=stage.name, state=outcome.state, reason=outcome.reason))
    report = {"chain": chain.name, "stages": [asdict(outcome) for outcome in outcomes.values()]}
    failed = [outcome for outcome in outcomes.values() if outcome.state is StageState.FAILED]
    if failed:
        raise ChainFailed(
            reason=f"{len(failed)} of {len(outcomes)} stages failed; {failed[0].name}: {failed[0].reason}",
            remedy=f"{failed[0].remedy} Then run the same chain again: it goes on where it stopped.".strip(),
            report=report,
        )
    return report


def _outcome(chain: Chain, stage: Stage, outcomes: dict[str, Outcome]) -> Outcome:
    """Do a stage, if all it comes after is complete."""
    missing = [name for name in stage.after if not outcomes[name].complete]
    if missing:
        return Outcome(name=stage.name, state=StageState.LEFT_OUT, reason=f"since {missing[0]} isn't complete")
    began_s = time.monotonic()
    try:
        made = _rendered(chain, stage, stage.job) if stage.job else _run(chain, stage)
    except FrontburnerError as error:
        seconds = time.monotonic() - began_s
        return Outcome(name=stage.name, state=StageState.FAILED, reason=error.reason, remedy=error.remedy,
                       seconds=seconds, report=getattr(error, "report", None))  # fmt: skip
    return made


def _rendered(chain: Chain, stage: Stage, job: RenderJob) -> Outcome:
    began_s = time.monotonic()
    report = render(job)
    assert isinstance(report, dict)
    reused = report["reused_frames"] == report["frames"]
    if not reused:
        _clear_behind(chain, stage)
    return Outcome(
        name=stage.name,
        state=StageState.REUSED if reused else StageState.COMPLETED,
        seconds=time.monotonic() - began_s,
        outputs=tuple(report["outputs"]),
        report=report,
    )


def _run(chain: Chain, stage: Stage) -> Outcome:
    mark = mark_of(chain, stage)
    if mark.stands():
        return Outcome(name=stage.name, state=StageState.REUSED)
    _clear_behind(chain, stage)
    began_s = time.monotonic()
    command = Command(
        arguments=tuple(stage.run),
        folder=mark.folder,
        log=str(mark.log),
        timeout_s=parse_span(stage.time_limit) if stage.time_limit else None,
        environment=environment(),
    )
    run_command(stage.name, command)
    unmade = [path for path in stage.writes if not expected(path, mark.folder).exists()]
    if unmade:
        raise FrontburnerError(
            reason=f"It ended well, but didn't write {unmade[0]}.",
            remedy=f"See what it said: {mark.log}. Or correct what the stage says that it writes.",
        )
    mark.set()
    return Outcome(name=stage.name, state=StageState.COMPLETED, seconds=time.monotonic() - began_s)


def _clear_behind(chain: Chain, stage: Stage) -> None:
    """Have commands that come after a stage run again: it makes anew what they may use."""
    later = chain.behind(stage.name)
    for each in chain.stages:
        if each.name in later and each.run:
            mark_of(chain, each).clear()
