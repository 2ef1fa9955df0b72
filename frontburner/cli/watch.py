"""``frontburner watch``: render what is dropped into a folder."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from locket import LockError, lock_file

from frontburner.cli.render import OK, REFUSED, TROUBLE, check_nodes, exit_code
from frontburner.cluster.ephemeral_farm import ephemeral_farm
from frontburner.cluster.stop_signal import stop_signal
from frontburner.jobs.durations import parse_span
from frontburner.jobs.job import JobRefused, make_job
from frontburner.jobs.templates import PLACEHOLDER_SCENE
from frontburner.manager.local_farm import use_farm_here
from frontburner.submit.watched_folder import WatchedFolder
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from pathlib import Path

    from frontburner.control.intake import JobInput

LOCK = ".frontburner-watch"


def watch(folder: Path, given: dict[str, Any], form: JobInput, *, settle: str, nodes: int, once: bool) -> int:
    """Watch a folder until Ctrl-C, or until it is empty; returns the command's exit code."""
    folder = folder.expanduser().absolute()
    try:
        use_farm_here()
        check_nodes(nodes)
        settle_s = _checked(folder, given, form, settle)
        with lock_file(str(folder / LOCK), timeout=0), stop_signal() as stopped, ephemeral_farm(nodes, _say):
            inbox = WatchedFolder(folder=folder, given=given, form=form, settle_s=settle_s, stopped=stopped, say=_say)
            _say(f"watching {folder}" + ("" if once else "; Ctrl-C ends it"))
            if once:
                inbox.empty()
            else:
                inbox.watch()
    except LockError:
        _say(f"{folder} is being watched already.")
        return REFUSED
    except OSError as error:
        _say(f"{folder} can't be watched: {error}")
        return TROUBLE
    except FrontburnerError as error:
        _say(str(error))
        return exit_code(error)
    return OK


def _checked(folder: Path, given: dict[str, Any], form: JobInput, settle: str) -> float:
    """Refuse what no drop could be rendered with; returns how long files must stay as they are."""
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


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
