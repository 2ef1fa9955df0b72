"""``frontburner monitor`` and ``frontburner top``: the farm live, on a web page and in a terminal."""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from frontburner.cli.command import OK, REFUSED, UNAVAILABLE, Flag, Scheduler, print_err, quiet_dask
from system.ports import bind

if TYPE_CHECKING:
    from frontburner.monitor.farm_source import LocalFarm

PORT = 8701
HOST = "127.0.0.1"
SHUTDOWN_TIMEOUT_S = 2

Out = Annotated[str | None, Parameter(help="Show the jobs of this store, instead of those this machine has run.")]


def monitor(*, port: int = PORT, open: Flag = False, scheduler: Scheduler = "", out: Out = None) -> int:  # noqa: A002
    """Serve a web page of the farm until Ctrl-C: jobs, pictures as they appear, nodes, and controls.

    Only this machine can reach it, and every user of it may do all that the commands can.

    Parameters
    ----------
    port
        Where it listens; 0 takes any free port.
    open
        Open it in the browser.
    """
    import uvicorn

    from frontburner.monitor.app import make_app
    from frontburner.monitor.drop_handler import LocalDropHandler

    with socket.socket() as listening:
        try:
            bind(listening, (HOST, port))
            listening.listen()  # connections may come as soon as the address is printed, and wait for the server
        except OSError as error:
            print_err(f"Port {port} can't be used: {error.strerror}. Give another one with --port.")
            return UNAVAILABLE
        address = f"http://{HOST}:{listening.getsockname()[1]}/"
        config = uvicorn.Config(
            make_app(_farm(scheduler, out), drops=LocalDropHandler(store=out or "")),
            log_level="critical",
            timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S,  # pages hold their streams for as long as they are open
        )
        print(address, flush=True)
        print_err("The farm is shown there. Ctrl-C ends it; jobs and nodes go on.")
        if open:
            import webbrowser

            webbrowser.open(address)
        try:
            uvicorn.Server(config).run(sockets=[listening])
        except KeyboardInterrupt:  # raised again by uvicorn after its shutdown
            return OK
    return OK


def top(*, scheduler: Scheduler = "", out: Out = None) -> int:
    """Show the farm live in this terminal: jobs and nodes, with keys that suspend, resume, pause and drain."""
    from tasks.extras import NotInstalled, require

    if not sys.stdout.isatty():
        print_err("Standard output is no terminal. `frontburner job list` and `node list` print the same once.")
        return REFUSED
    try:
        require("textual", "The monitor in a terminal")
    except NotInstalled as error:
        print_err(error)
        return REFUSED
    from frontburner.monitor.terminal import Top

    Top(_farm(scheduler, out)).run()
    return OK


def _farm(scheduler: str, out: str | None) -> LocalFarm:
    from frontburner.monitor.farm_source import LocalFarm

    quiet_dask()
    if scheduler:  # jobs that are resumed from the page are rendered there too
        os.environ["FRONTBURNER_SCHEDULER"] = scheduler
    return LocalFarm(scheduler=scheduler, out=out)
