"""``frontburner farm``: run a farm that jobs and nodes can join."""

from __future__ import annotations

import json as json_
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from frontburner.cli.command import OK, REFUSED, UNAVAILABLE, Flag, guard, print_err, print_result, quiet_dask
from frontburner.cli.farm_paths import app as paths_app
from storage.errors import FrontburnerError
from system.terminal import set_variable

if TYPE_CHECKING:
    from collections.abc import Iterator

PORT = 8786
MAX_PORT = 65535
NO_FARM = "No farm is up on this machine. Bring it up: frontburner farm up"

app = App(
    name="farm",
    help="""Run a farm that jobs and other nodes can join.

`farm up` is for a permanent farm: Prefect, a scheduler, a worker for deployments, nodes, and a store if you like,
all started, supervised and ended as one. `farm start` is for trying out: a scheduler and some nodes, until Ctrl-C.""",
    help_epilogue="""Exit codes: 0 done, all services are up · 2 refused, with the reason · 3 a service isn't up, or no
farm is.""",
)


_guarded = guard(interrupted=OK)
app.command(paths_app)


@app.command
@_guarded
def up(
    *,
    host: str | None = None,
    nodes: int | None = None,
    store: str | None = None,
    database: str | None = None,
    folder: str | None = None,
    foreground: Flag = False,
) -> int:
    """Bring the farm up in the background, and return when all of it is up.

    Options are remembered: without any, the farm is set up as it was last time. Jobs that were running when it went
    down go on by themselves.

    Parameters
    ----------
    host
        Address at which nodes and people reach this machine; '' is this machine only.
    nodes
        Nodes on this machine, which share its cores; 0 is none. Default: two on a farm of one machine, else none.
    store
        Where scene files go, and the pictures of jobs that don't say: a folder, s3://bucket/prefix with credentials in
        AWS_*, or seaweedfs, an S3 server that is started with the farm; '' leaves it to each job.
    database
        Prefect's database, such as postgresql://USER:PASSWORD@HOST/NAME; '' is SQLite.
    folder
        Folder of prefect.yaml, whose deployments are deployed; relative paths of scenes start there.
    foreground
        Stay in the foreground until Ctrl-C or SIGTERM, as for systemd.
    """
    from frontburner.cli.farm_up import up

    given = {"host": host, "nodes": nodes, "store": store, "database": database, "folder": folder}
    return up(given, foreground=foreground)


@app.command
@_guarded
def down() -> int:
    """End the farm. Running jobs go on when it is up again."""
    from frontburner.cli.farm_up import down

    return down()


@app.command
@_guarded
def status(*, json: Flag = False) -> int:
    """Show the state of each service of the farm: since when, its restarts and address, and what is wrong."""
    from frontburner.cli.farm_service import NAME as SERVICE
    from frontburner.cli.farm_status import status_tables
    from frontburner.cli.installed_services import installed
    from frontburner.manager.farm_state import running_farm
    from frontburner.settings import Settings

    farm = running_farm(Settings().home)
    if json:
        print(json_.dumps(farm.document() if farm is not None else {"alive": False, "healthy": False, "parts": []}))
    else:
        if farm is None:
            print_err(NO_FARM)
        else:
            print_result(None, status_tables(farm, time.time()), as_json=False)
        print_err(f"It is {': '.join(filter(None, installed(SERVICE)))}.")
    return OK if farm is not None and farm.healthy else UNAVAILABLE


@app.command(name="open")
@_guarded
def open_() -> int:
    """Open the farm's page in the browser: of the farm you are logged in to, or this machine's, brought up if need be.

    The page of a farm for this machine only is served until Ctrl-C; the farm goes on.
    """
    from frontburner.cli.farm_open import open_farm

    return open_farm()


@app.command
@_guarded
def env() -> int:
    """Print the environment with which other programs of this shell use the farm, including the keys of its store.

    Use it as: eval "$(frontburner farm env)", in PowerShell: frontburner farm env | Out-String | iex. Frontburner's own
    commands on this machine don't need it.
    """
    from frontburner.manager.local_farm import local_environment

    environment = local_environment()
    for name, value in environment.items():
        print(set_variable(name, value))
    if not environment:
        print_err(NO_FARM)
    return OK if environment else UNAVAILABLE


@app.command
@_guarded
def logs(
    service: Annotated[str, Parameter(name=("--service", "--part"))] = "", *, last: int = 40, follow: Flag = False
) -> int:
    """Print the logs of the farm's services.

    Parameters
    ----------
    service
        Only this one of those that `farm status` lists; or `supervisor`, which runs them, or `nodes`.
    last
        Number of lines of each.
    follow
        Go on with new lines, until Ctrl-C.
    """
    from frontburner.cli.farm_status import show_logs

    return show_logs(service, last=last, follow=follow)


@app.command
@_guarded
def install(*, system: Flag = False, print_: Annotated[bool, Parameter(name="--print", negative=())] = False) -> int:
    """Have the farm come up whenever this machine starts or you log on, set up as it was last time.

    By systemd on Linux (with the machine, if your user lingers), launchd on macOS, Task Scheduler on Windows.

    Parameters
    ----------
    system
        With the machine, before anybody logs on; needs root or an administrator.
    print_
        Only print what would be installed.
    """
    from frontburner.cli.farm_service import install

    return install(system=system, only_print=print_)


@app.command
@_guarded
def uninstall(*, system: Flag = False) -> int:
    """Remove what `farm install` installed; the farm ends if it runs it.

    Parameters
    ----------
    system
        That of the whole machine, not of your user.
    """
    from frontburner.cli.farm_service import uninstall

    return uninstall(system=system)


@app.command
def start(*, nodes: Annotated[int | None, Parameter(help="Nodes to start here; 0 is none.")] = None,
          port: int = PORT, cluster: str = "") -> int:  # fmt: skip
    """Run a scheduler and some nodes on this machine until Ctrl-C.

    The settings of nodes (paused, their groups and hours) and licences are kept from one start to the next.

    Parameters
    ----------
    port
        Port of the scheduler, which listens on this machine only; 0 takes any that is free.
    cluster
        A cluster file: nodes are started by SSH, on Slurm, PBS and others, as jobs need them. It also says where the
        scheduler listens. Empty is FRONTBURNER_CLUSTER.
    """
    quiet_dask("error")
    from frontburner.cluster.node_processes import default_nodes
    from frontburner.cluster.stop_signal import stop_signal
    from frontburner.jobs.job import JobRefused
    from frontburner.settings import Settings

    count = (Settings().nodes or default_nodes()) if nodes is None else nodes
    if count < 0:
        print_err(f"nodes: {count}: give 0 or more.")
        return REFUSED
    if not 0 <= port <= MAX_PORT:
        print_err(f"port: {port}: give 1 to {MAX_PORT}, or 0 for any that is free.")
        return REFUSED
    try:
        with stop_signal() as stopped, _running(count, port, cluster or Settings().cluster) as (scheduler, size):
            print(set_variable("FRONTBURNER_SCHEDULER", scheduler), flush=True)
            print_err(f"The farm runs with {size}. Ctrl-C ends it.")
            stopped.wait()
    except OSError as error:
        print_err(f"The farm couldn't start: {error}")
        return UNAVAILABLE
    except FrontburnerError as error:
        print_err(error)
        return REFUSED if isinstance(error, JobRefused) else UNAVAILABLE
    return OK


@contextmanager
def _running(count: int, port: int, cluster: str) -> Iterator[tuple[str, str]]:
    """Run the farm; yields the scheduler's address and a phrase for its size."""
    from frontburner.cluster.cluster_file import read_cluster
    from frontburner.cluster.farm_paths import standings_file
    from frontburner.cluster.node_processes import local_nodes

    settings_path = standings_file()
    if cluster:
        description = read_cluster(cluster)
        with description.run(settings_path) as scheduler:
            yield scheduler, f"nodes of the {description.kind} cluster, as jobs need them"
        return
    with local_nodes(count, port=port, settings_path=settings_path) as farm:
        yield farm.scheduler_address, f"{count} node{'s' if count != 1 else ''}"
