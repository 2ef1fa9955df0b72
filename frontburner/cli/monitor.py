"""``frontburner monitor`` and ``frontburner top``: the farm as it changes, on a web page and in a terminal."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from frontburner.monitor.farm_source import LocalFarm

OK, REFUSED, TROUBLE = 0, 2, 3
PORT = 8701
HOST = "127.0.0.1"
CLOSES_WITHIN_S = 2

Scheduler = Annotated[str, Parameter(help="Address of the scheduler; empty is FRONTBURNER_SCHEDULER or the farm here.")]
Out = Annotated[str | None, Parameter(help="Show the jobs of this store, instead of those this machine has run.")]
Flag = Annotated[bool, Parameter(negative=())]


def monitor(*, port: int = PORT, open: Flag = False, scheduler: Scheduler = "", out: Out = None) -> int:  # noqa: A002
    """Show the farm on a web page of this machine until Ctrl-C: jobs, pictures as they appear, nodes, and controls.

    Only this machine reaches it. Whoever does may do all that the commands can.

    Parameters
    ----------
    port
        Where it listens; 0 takes any that is free.
    open
        Open it in the browser.
    """
    import uvicorn

    from frontburner.monitor.app import monitor as make
    from frontburner.monitor.drop_submission import LocalDropHandler

    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
            listening.listen()  # whoever is told the address may come at once, and waits until we answer
        except OSError as error:
            print(f"Port {port} can't be used: {error.strerror}. Give another one with --port.", file=sys.stderr)
            return TROUBLE
        address = f"http://{HOST}:{listening.getsockname()[1]}/"
        config = uvicorn.Config(
            make(_farm(scheduler, out), reception=LocalDropHandler(store=out or "")),
            log_level="critical",
            timeout_graceful_shutdown=CLOSES_WITHIN_S,  # pages hold their streams for as long as they are open
        )
        print(address, flush=True)
        print("The farm is shown there. Ctrl-C ends it; jobs and nodes go on.", file=sys.stderr)
        if open:
            import webbrowser

            webbrowser.open(address)
        try:
            uvicorn.Server(config).run(sockets=[listening])
        except KeyboardInterrupt:  # it has ended in its own time, and passes the signal on
            return OK
    return OK


def top(*, scheduler: Scheduler = "", out: Out = None) -> int:
    """Show the farm in this terminal, as it changes: jobs and nodes, and keys that suspend, resume, pause and drain."""
    from tasks.extras import NotInstalled, require

    if not sys.stdout.isatty():
        print("There is no terminal here. `frontburner job list` and `node list` print the same once.", file=sys.stderr)
        return REFUSED
    try:
        require("textual", "The monitor in a terminal")
    except NotInstalled as error:
        print(error, file=sys.stderr)
        return REFUSED
    from frontburner.monitor.terminal import Top

    Top(_farm(scheduler, out)).run()
    return OK


def _farm(scheduler: str, out: str | None) -> LocalFarm:
    import os

    from frontburner.monitor.farm_source import LocalFarm

    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "critical")
    if scheduler:  # jobs that are gone on with from the page are rendered there too
        os.environ["FRONTBURNER_SCHEDULER"] = scheduler
    return LocalFarm(scheduler=scheduler, out=out)
