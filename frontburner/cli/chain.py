"""``frontburner render`` of a chain: check all of it, start what is missing of a farm, run its stages."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Any

from frontburner import events as ev
from frontburner.chains.chain import Chain, Stage, read_chain, resolve_path
from frontburner.chains.stamps import stamp_of
from frontburner.cli.command import comma_separated
from frontburner.cli.render import check_nodes, run_reported
from frontburner.cli.reporters import Stopped
from frontburner.cluster.ephemeral_farm import ephemeral_farm
from frontburner.control.intake import REFUSED, check_job, with_absolute_paths
from frontburner.jobs.job import JobRefused
from storage.errors import FrontburnerError
from system.signals import end_interrupts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from frontburner.cli.reporters import OutputFormat, Reporter
    from frontburner.control.intake import JobInput


def run_file(path: Path, given: dict[str, Any], form: JobInput, *, nodes: int, output: OutputFormat, again: str) -> int:
    """Run the chain in a file and return the command's exit code.

    Parameters
    ----------
    again
        Stages whose commands are run again even if they are complete, separated by commas.
    """

    def act(reporter: Reporter) -> dict[str, Any]:
        check_nodes(nodes)
        if form.template or form.values:
            problem = "template: a chain takes none: name the fields in its stages' jobs."
            raise JobRefused(reason=REFUSED, remedy="", problems=(problem,))
        chain = checked(read_chain(path, given))
        _mark_incomplete(chain, again)
        return _run(chain, nodes, reporter)

    return run_reported(act, output)


def checked(chain: Chain) -> Chain:
    """Check all of a chain that can be checked before it runs, and return it with absolute paths.

    Raises
    ------
    JobRefused
        With every problem, by stage.
    """
    problems = [problem for stage in chain.stages for problem in _problems(chain, stage)]
    if problems:
        raise JobRefused(reason=REFUSED, remedy="", problems=tuple(problems))
    stages = [
        stage.model_copy(update={"job": with_absolute_paths(stage.job)} if stage.job else {}) for stage in chain.stages
    ]
    return chain.model_copy(update={"stages": stages})


def _problems(chain: Chain, stage: Stage) -> Iterator[str]:
    if stage.run:
        program, folder = stage.run[0], resolve_path(stage.folder or ".", chain.folder)
        found = shutil.which(str(folder / program) if "/" in program else program)
        if not folder.is_dir():
            yield f"{stage.name}: folder: {folder} is no folder."
        elif not found:
            yield f"{stage.name}: run: there is no program '{program}' on this machine."
        return
    assert stage.job is not None
    if stage.after:
        return  # an earlier stage may make its scene
    try:
        check_job(stage.job)
    except JobRefused as refused:
        yield from (f"{stage.name}: {problem}" for problem in refused.problems)
    except FrontburnerError as error:
        yield f"{stage.name}: {error}"


def _mark_incomplete(chain: Chain, names: str) -> None:
    """Have complete commands run again."""
    stages = {stage.name: stage for stage in chain.stages}
    for name in comma_separated(names):
        if name not in stages or not stages[name].run:
            commands = ", ".join(stage.name for stage in chain.stages if stage.run) or "none"
            problem = f"again: '{name}' is no command of this chain. Its commands: {commands}."

            raise JobRefused(reason=REFUSED, remedy="", problems=(problem,))
        stamp_of(chain, stages[name]).clear()


def _run(chain: Chain, nodes: int, reporter: Reporter) -> dict[str, Any]:
    started_s = time.monotonic()
    try:
        with ev.observe(reporter.on_event), ephemeral_farm(nodes, reporter.activity), end_interrupts():
            from prefect.exceptions import CancelledRun

            from flows.chain import run_chain

            reporter.activity(f"running {chain.name}")
            try:
                document = run_chain(chain)
                assert isinstance(document, dict)
            except CancelledRun as cancelled:
                raise Stopped(reason=f"{cancelled} Run the same chain again to go on.", remedy="") from None
    finally:
        reporter.close()
    return document | {"wall_s": round(time.monotonic() - started_s, 3)}
