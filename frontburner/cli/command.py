"""What the commands share: exit codes, types of options, errors as exit codes, and printing."""

from __future__ import annotations

import json
import os
import sys
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, Protocol

from cyclopts import Parameter

from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rich.table import Table

P = ParamSpec("P")

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


class CommandDecorator(Protocol):
    """Wraps a command without changing its signature."""

    def __call__(self, command: Callable[P, int], /) -> Callable[P, int]:
        """Return the wrapped command."""


def guard(
    exit_code: Callable[[FrontburnerError], int] = code_by_retry,
    *,
    prepare: Callable[[], None] = lambda: None,
    interrupted: int | None = None,
) -> CommandDecorator:
    """Make a decorator for commands, with which an error is printed and becomes an exit code.

    Parameters
    ----------
    exit_code
        Chooses the exit code of an error.
    prepare
        Called before the command.
    interrupted
        Exit code after Ctrl-C; None lets the interrupt pass.
    """

    def decorate(command: Callable[P, int]) -> Callable[P, int]:
        @wraps(command)
        def run(*args: P.args, **options: P.kwargs) -> int:
            try:
                prepare()
                return command(*args, **options)
            except FrontburnerError as error:
                print_err(error)
                return exit_code(error)
            except BrokenPipeError:  # as of `… | head`
                # Else the interpreter complains when it flushes standard output at its end.
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                return OK
            except KeyboardInterrupt:
                if interrupted is None:
                    raise
                return interrupted

        return run

    return decorate


def _use_local_farm() -> None:
    from frontburner.manager.local_farm import use_local_farm

    use_local_farm()


def _code_by_type(error: FrontburnerError) -> int:
    from frontburner.cluster.running_farms import NoFarm
    from frontburner.jobs.job import JobRefused
    from frontburner.record.registry import JobActionRefused, UnknownJob
    from frontburner.submission.schedules import ScheduleRefused
    from tasks.notify_targets import UnknownTarget

    refusals = (UnknownJob, JobActionRefused, JobRefused, ScheduleRefused, UnknownTarget, NoFarm)
    return REFUSED if isinstance(error, refusals) else UNAVAILABLE


guarded = guard()
"""For commands about nodes and access."""
guarded_with_farm = guard(_code_by_type, prepare=_use_local_farm)
"""For commands about jobs, which use the farm of this machine if one is up."""


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
