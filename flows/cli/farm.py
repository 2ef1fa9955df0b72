"""``frontburner farm``: a farm on this machine that stays, for jobs and nodes to join."""

from __future__ import annotations

import os
import sys
from typing import Annotated

from cyclopts import App, Parameter

from storage.errors import FrontburnerError

OK, REFUSED, TROUBLE = 0, 2, 3
PORT = 8786

app = App(name="farm", help="Run a farm on this machine that jobs and other nodes can join.")


@app.command
def start(*, nodes: Annotated[int | None, Parameter(help="Nodes to start here; 0 is none.")] = None,
          port: int = PORT) -> int:  # fmt: skip
    """Run a scheduler and some nodes on this machine until Ctrl-C.

    How nodes stand (paused, their groups and hours, licences) is kept from one start to the next.

    Parameters
    ----------
    port
        Port of the scheduler, which listens on this machine only; 0 takes any that is free.
    """
    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "error")
    from flows.cli.waiting import stop_signal
    from flows.cluster.nodes import default_nodes, local_nodes
    from flows.settings import Settings

    count = (Settings().nodes or default_nodes()) if nodes is None else nodes
    if count < 0:
        print(f"nodes: {count}: give 0 or more.", file=sys.stderr)
        return REFUSED
    try:
        with (
            stop_signal() as stopped,
            local_nodes(count, port=port, standings=Settings().home / "standings.json") as farm,
        ):
            print(f"export FRONTBURNER_SCHEDULER={farm.scheduler_address}", flush=True)
            print(f"The farm runs with {count} node{'s' if count != 1 else ''}. Ctrl-C ends it.", file=sys.stderr)
            stopped.wait()
    except OSError as error:
        print(f"The farm couldn't start: {error}", file=sys.stderr)
        return TROUBLE
    except FrontburnerError as error:
        print(error, file=sys.stderr)
        return TROUBLE
    return OK
