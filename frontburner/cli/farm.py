"""``frontburner farm``: a farm that stays, for jobs and nodes to join."""

from __future__ import annotations

import json as json_
import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OK, REFUSED, TROUBLE = 0, 2, 3
PORT = 8786
NO_FARM = "No farm is up on this machine. Bring it up: frontburner farm up"

app = App(
    name="farm",
    help="""Run a farm that jobs and other nodes can join.

`farm up` is for a farm that stays: Prefect, a scheduler, a worker for deployments, nodes, and a store if you like,
all started, watched and ended as one. `farm start` is for trying out: a scheduler and some nodes, until Ctrl-C.""",
    help_epilogue="""Exit codes: 0 all parts are up, or it is done · 2 refused: the sentence says why · 3 a part isn't
up, or no farm is.""",
)

Flag = Annotated[bool, Parameter(negative=())]


@app.command
def up(
    *,
    host: str | None = None,
    nodes: int | None = None,
    store: str | None = None,
    database: str | None = None,
    folder: str | None = None,
    foreground: Flag = False,
) -> int:
    """Bring the farm up, and come back when all of it is; it goes on in the background.

    What is given is kept: without options, the farm is set up as it was last. Jobs that were under way when it went
    down go on by themselves.

    Parameters
    ----------
    host
        Address by which nodes and people reach this machine; '' is this machine only.
    nodes
        Nodes on this machine, which share its cores; 0 is none, as where others join. Not given: two on a farm of one
        machine, else none.
    store
        Where pictures go that a job doesn't place, and scene files: a folder, s3://bucket/prefix with credentials in
        AWS_*, or seaweedfs, an S3 server that is started with the farm; '' leaves it to each job.
    database
        Prefect's database, such as postgresql://USER:PASSWORD@HOST/NAME; '' is SQLite.
    folder
        Folder of prefect.yaml, whose deployments are deployed, and where relative scenes are looked for.
    foreground
        Stay in the foreground until Ctrl-C or SIGTERM, as a service does.
    """

    def act() -> int:
        from frontburner.cli.farm_up import up

        given = {"host": host, "nodes": nodes, "store": store, "database": database, "folder": folder}
        return up(given, foreground=foreground)

    return _guarded(act)


@app.command
def down() -> int:
    """End the farm. Jobs that are under way go on when it is up again."""

    def act() -> int:
        from frontburner.cli.farm_up import down

        return down()

    return _guarded(act)


@app.command
def status(*, json: Flag = False) -> int:
    """Show how each part of the farm stands: since when, how often it was started again, where it is, what is wrong."""

    def act() -> int:
        from frontburner.cli.farm_tables import farm_tables
        from frontburner.manager.farm_state import running_farm
        from frontburner.settings import Settings

        farm = running_farm(Settings().home)
        if json:
            print(json_.dumps(farm.document() if farm is not None else {"alive": False, "healthy": False, "parts": []}))
        elif farm is None:
            print(NO_FARM, file=sys.stderr)
        else:
            from rich.console import Console

            console = Console(highlight=False, soft_wrap=True)
            for table in farm_tables(farm, time.time()):
                console.print(table, markup=False)
        return OK if farm is not None and farm.healthy else TROUBLE

    return _guarded(act)


@app.command
def env() -> int:
    """Print what leads other programs of this shell to the farm, its store's keys among it.

    Use it as: eval "$(frontburner farm env)". Commands of Frontburner's own on this machine don't need it.
    """

    def act() -> int:
        from frontburner.cli.farm_tables import exports
        from frontburner.manager.local_farm import environment_here

        found = environment_here()
        for line in exports(found):
            print(line)
        if not found:
            print(NO_FARM, file=sys.stderr)
        return OK if found else TROUBLE

    return _guarded(act)


@app.command
def logs(part: str = "", *, last: int = 40, follow: Flag = False) -> int:
    """Print what the parts of the farm say.

    Parameters
    ----------
    part
        Only this one; `farm status` names them; `supervisor` is what keeps them, `nodes` what nodes print.
    last
        So many lines of each.
    follow
        Go on with what they say, until Ctrl-C.
    """

    def act() -> int:
        from frontburner.cli.farm_logs import show

        return show(part, last=last, follow=follow)

    return _guarded(act)


@app.command
def install(*, system: Flag = False, print_: Annotated[bool, Parameter(name="--print", negative=())] = False) -> int:
    """Have systemd bring the farm up whenever this machine starts, set up as it was last.

    Parameters
    ----------
    system
        For the whole machine, which takes root; otherwise for you.
    print_
        Only print the unit.
    """

    def act() -> int:
        from frontburner.cli.farm_service import install

        return install(system=system, only_print=print_)

    return _guarded(act)


@app.command
def uninstall(*, system: Flag = False) -> int:
    """Have systemd no longer bring the farm up; if systemd runs it, it ends.

    Parameters
    ----------
    system
        The unit of the whole machine, not yours.
    """

    def act() -> int:
        from frontburner.cli.farm_service import uninstall

        return uninstall(system=system)

    return _guarded(act)


@app.command
def start(*, nodes: Annotated[int | None, Parameter(help="Nodes to start here; 0 is none.")] = None,
          port: int = PORT, cluster: str = "") -> int:  # fmt: skip
    """Run a scheduler and some nodes on this machine until Ctrl-C.

    How nodes stand (paused, their groups and hours, licences) is kept from one start to the next.

    Parameters
    ----------
    port
        Port of the scheduler, which listens on this machine only; 0 takes any that is free.
    cluster
        A cluster file: nodes come and go as it says, by SSH, on Slurm, PBS and others, with the work there is.
        It also says where the scheduler listens. Empty is FRONTBURNER_CLUSTER.
    """
    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "error")
    from frontburner.cluster.node_processes import default_nodes
    from frontburner.cluster.stop_signal import stop_signal
    from frontburner.jobs.job import JobRefused
    from frontburner.settings import Settings

    count = (Settings().nodes or default_nodes()) if nodes is None else nodes
    if count < 0:
        print(f"nodes: {count}: give 0 or more.", file=sys.stderr)
        return REFUSED
    try:
        with stop_signal() as stopped, _running(count, port, cluster or Settings().cluster) as (scheduler, size):
            print(f"export FRONTBURNER_SCHEDULER={scheduler}", flush=True)
            print(f"The farm runs with {size}. Ctrl-C ends it.", file=sys.stderr)
            stopped.wait()
    except JobRefused as refused:
        print(refused, file=sys.stderr)
        return REFUSED
    except OSError as error:
        print(f"The farm couldn't start: {error}", file=sys.stderr)
        return TROUBLE
    except FrontburnerError as error:
        print(error, file=sys.stderr)
        return TROUBLE
    return OK


def _guarded(act: Callable[[], int]) -> int:
    """Do what a command does; an error is a sentence and an exit code."""
    try:
        return act()
    except FrontburnerError as error:
        print(error, file=sys.stderr)
        return TROUBLE if error.retryable else REFUSED
    except KeyboardInterrupt:
        return OK


@contextmanager
def _running(count: int, port: int, cluster: str) -> Iterator[tuple[str, str]]:
    """Run the farm; gives its scheduler's address, and how large it is in words."""
    from frontburner.cluster.cluster_file import read_cluster
    from frontburner.cluster.node_processes import local_nodes
    from frontburner.settings import Settings

    standings = Settings().home / "standings.json"
    if cluster:
        kept = read_cluster(cluster)
        with kept.opened(standings) as scheduler:
            yield scheduler, f"nodes of the {kept.kind} cluster, as jobs need them"
        return
    with local_nodes(count, port=port, standings=standings) as farm:
        yield farm.scheduler_address, f"{count} node{'s' if count != 1 else ''}"
