"""The flow of a chain: each stage is a step that waits only for those it depends on; the others run in parallel.

A stage that fails stops only those that depend on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.task_runners import ThreadPoolTaskRunner

from flows.render import render
from frontburner.chains.chain import Chain
from frontburner.chains.chain_run import ChainRun
from frontburner.cluster.prefect_internals import StepEnd
from tasks.steps import step

if TYPE_CHECKING:
    from prefect.futures import PrefectFuture


@step(name="run command", task_run_name="{stage}")
def run_command(stage: str, chain_run: ChainRun) -> State[Any]:
    """Run the command of a stage, on this machine."""
    return chain_run.run_command(stage)


@step(name="render job", task_run_name="{stage}")
def render_job(stage: str, chain_run: ChainRun) -> State[Any]:
    """Render the job of a stage, in a flow run of its own inside this step."""
    return chain_run.render_job(stage, render)


@flow(name="chain", flow_run_name="{chain.name}", task_runner=ThreadPoolTaskRunner(), persist_result=False)  # type: ignore[arg-type]
def run_chain(chain: Chain) -> dict[str, Any] | State[Any]:
    """Run a chain: jobs and commands that depend on each other.

    The same chain resumes where it stopped: frames in place are not rendered again, nor are commands run again that
    are complete and whose files haven't changed.

    Parameters
    ----------
    chain
        Its stages, each with those it depends on.
    """
    chain_run = ChainRun(chain)
    steps: dict[str, PrefectFuture[Any]] = {}
    with chain_run.until_all_ended(steps):
        for stage in chain_run.ready_stages(steps):
            stage_step = render_job if stage.job else run_command
            before = [StepEnd(steps[name]) for name in stage.after]
            steps[stage.name] = stage_step.submit(stage.name, chain_run, wait_for=before)
    return chain_run.report()
