"""``frontburner watch``: render what is dropped into a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locket import LockError, lock_file

from frontburner.cli.command import OK, REFUSED, UNAVAILABLE, print_err
from frontburner.cli.render import check_nodes, exit_code
from frontburner.cluster.ephemeral_farm import ephemeral_farm
from frontburner.cluster.stop_signal import stop_signal
from frontburner.jobs.durations import parse_span
from frontburner.jobs.job import JobRefused, make_job
from frontburner.jobs.templates import PLACEHOLDER_SCENE
from frontburner.manager.local_farm import use_local_farm
from frontburner.submission.watched_folder import WatchedFolder
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from pathlib import Path

    from frontburner.control.intake import JobInput

LOCK = ".frontburner-watch"


def watch(folder: Path, given: dict[str, Any], form: JobInput, *, settle: str, nodes: int, once: bool) -> int:
    """Watch a folder until Ctrl-C, or with ``once`` until it is empty; returns the command's exit code."""
    folder = folder.expanduser().absolute()
    try:
        use_local_farm()
        check_nodes(nodes)
        settle_s = _checked_settle_s(folder, given, form, settle)
        with lock_file(str(folder / LOCK), timeout=0), stop_signal() as stopped, ephemeral_farm(nodes, print_err):
            watched = WatchedFolder(
                folder=folder, given=given, form=form, settle_s=settle_s, stopped=stopped, report=print_err
            )
            print_err(f"watching {folder}" + ("" if once else "; Ctrl-C ends it"))
            if once:
                watched.empty()
            else:
                watched.watch()
    except LockError:
        print_err(f"{folder} is already being watched.")
        return REFUSED
    except OSError as error:
        print_err(f"{folder} can't be watched: {error}")
        return UNAVAILABLE
    except FrontburnerError as error:
        print_err(error)
        return exit_code(error)
    return OK


def _checked_settle_s(folder: Path, given: dict[str, Any], form: JobInput, settle: str) -> float:
    """Refuse options with which no job could be rendered; returns how long files must stay unchanged."""
    problems = []
    if not folder.is_dir():
        problems.append(f"folder: {folder} is no folder.")
    try:
        settle_s = parse_span(settle)
    except ValueError as error:
        problems.append(f"settle: '{settle}' {error}")
    if problems:
        raise JobRefused(reason="The folder can't be watched:", remedy="", problems=tuple(problems))
    make_job({"scene": PLACEHOLDER_SCENE} | form.document() | given)
    return settle_s
