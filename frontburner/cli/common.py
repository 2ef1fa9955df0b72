"""What the commands share: exit codes, types of options, errors as exit codes, and printing."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rich.table import Table

OK, FRAMES_FAILED, REFUSED, UNAVAILABLE, STOPPED, INTERRUPTED = 0, 1, 2, 3, 4, 130
PIPE_WIDTH = 400
"""Columns of a table that is printed to a pipe or file: wide enough that none is cut."""

Flag = Annotated[bool, Parameter(negative=())]
Json = Annotated[bool, Parameter(negative=(), help="Print JSON on standard output and nothing else there.")]
Scheduler = Annotated[str, Parameter(help="Address of the scheduler; empty is FRONTBURNER_SCHEDULER or the farm here.")]
Values = Annotated[list[str] | None, Parameter(name="--set", negative=())]


def code_by_retry(error: FrontburnerError) -> int:
    """Return the exit code of an error: whether another try may help decides."""
    return UNAVAILABLE if error.retryable else REFUSED


def guarded(act: Callable[[], int], exit_code: Callable[[FrontburnerError], int] = code_by_retry) -> int:
    """Run the body of a command; an error is printed and becomes an exit code."""
    try:
        return act()
    except FrontburnerError as error:
        print_err(error)
        return exit_code(error)
    except BrokenPipeError:  # as of `… | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # else the interpreter complains when it flushes at its end
        return OK


def guarded_with_farm(act: Callable[[], int]) -> int:
    """Run the body of a command about jobs, which uses the farm of this machine if one is up."""

    def run() -> int:
        from frontburner.manager.local_farm import use_local_farm

        use_local_farm()
        return act()

    return guarded(run, _code_by_type)


def _code_by_type(error: FrontburnerError) -> int:
    from frontburner.cluster.running_farms import NoFarm
    from frontburner.jobs.job import JobRefused
    from frontburner.record.registry import JobActionRefused, UnknownJob
    from frontburner.submission.schedules import ScheduleRefused
    from tasks.notify_targets import UnknownTarget

    refusals = (UnknownJob, JobActionRefused, JobRefused, ScheduleRefused, UnknownTarget, NoFarm)
    return REFUSED if isinstance(error, refusals) else UNAVAILABLE


def print_err(message: object) -> None:
    """Print a message for the user: standard output is for results."""
    print(message, file=sys.stderr, flush=True)


def print_result(document: Any, tables: Iterable[object], *, as_json: bool) -> None:  # noqa: ANN401 - any JSON
    """Print a result: its JSON document, or tables and lines."""
    if as_json:
        print(json.dumps(document))
        return
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else PIPE_WIDTH)
    for table in tables:
        console.print(table, markup=False)


def table(*columns: str) -> Table:
    """Return an empty table without lines."""
    from rich.table import Table

    return Table(*columns, box=None, pad_edge=False, header_style="bold")


def comma_separated(text: str) -> list[str]:
    """Split a list of names that are separated by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def quiet_dask(level: str = "critical") -> None:
    """Keep Dask's log off the terminal, unless the environment configures it."""
    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", level)
