"""The flow of a chain: each stage is a step after those that it comes after; what needn't wait for each other doesn't.

What failed holds up only what comes after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.task_runners import ThreadPoolTaskRunner

from flows.render import render
from frontburner.chains.chain import Chain
from frontburner.chains.ended import Ended
from frontburner.chains.running import RunningChain
from tasks.steps import step

if TYPE_CHECKING:
    from prefect.futures import PrefectFuture


@step(name="run command", task_run_name="{stage}")
def run_command(stage: str, running: RunningChain) -> State[Any]:
    """Run the command of a stage, on this machine."""
    return running.command(stage)


@step(name="render job", task_run_name="{stage}")
def render_job(stage: str, running: RunningChain) -> State[Any]:
    """Render the job of a stage, in a flow run of its own inside this step."""
    return running.job(stage, render)


@flow(name="chain", flow_run_name="{chain.name}", task_runner=ThreadPoolTaskRunner(), persist_result=False)  # type: ignore[arg-type]
def run_chain(chain: Chain) -> dict[str, Any] | State[Any]:
    """Run a chain: jobs and commands that depend on each other.

    The same chain goes on where it stopped: frames in place are not rendered again, nor are commands run again that
    are complete and whose files are as they were.

    Parameters
    ----------
    chain
        Its stages, each with what it comes after.
    """
    running = RunningChain(chain)
    steps: dict[str, PrefectFuture[Any]] = {}
    with running.until_all_ended(steps):
        for stage in running.in_turn(steps):
            do = render_job if stage.job else run_command
            steps[stage.name] = do.submit(stage.name, running, wait_for=[Ended(steps[name]) for name in stage.after])
    return running.report()
