"""The ``frontburner`` command. Heavy libraries are loaded only by the commands that need them."""

from __future__ import annotations

import json as json_
import sys
import warnings
from pathlib import Path  # noqa: TC003 - cyclopts reads annotations
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter
from pydantic import BaseModel, Field, create_model

from frontburner.cli.access import app as token_app
from frontburner.cli.access import login, logout
from frontburner.cli.check import doctor
from frontburner.cli.command import OK, Flag, Values, guarded, print_err
from frontburner.cli.exchange import export_app, import_app
from frontburner.cli.farm import app as farm_app
from frontburner.cli.job import app as job_app
from frontburner.cli.monitor import monitor, top
from frontburner.cli.node import app as node_app
from frontburner.cli.node import licence_app
from frontburner.cli.node_invitation import invite as _invite  # noqa: F401 - adds commands to `node_app`
from frontburner.cli.node_service import status as _node_status  # noqa: F401 - adds commands to `node_app`
from frontburner.cli.products import movie
from frontburner.cli.run_node import join as _join  # noqa: F401 - adds commands to `node_app`
from frontburner.cli.schedule import app as schedule_app
from frontburner.cli.schedule import morning
from frontburner.cli.store_commands import store_app
from frontburner.cli.template import app as template_app
from frontburner.jobs.job import RenderJob
from storage.errors import FrontburnerError
from system.terminal import prepare_output

app = App(
    name="frontburner",
    help="Spread stills and animations over every machine you have.",
    help_epilogue="""Exit codes: 0 all pictures are in place · 1 some frames failed · 2 the job was refused before
anything started · 3 the farm or the store failed · 4 suspended or cancelled by a command · 130 stopped by Ctrl-C (run
the same command to go on).""",
    version="frontburner 0.1.0",
)
for _command in (
    job_app, node_app, licence_app, farm_app, store_app, template_app, export_app, import_app, doctor, movie,
    schedule_app, morning, monitor, top, token_app, login, logout,
):  # fmt: skip
    app.command(_command)


def _job_options() -> type[BaseModel]:
    """Make an option for every field of a job: a string, which the job document checks."""
    flags = (bool, bool | None)
    fields: dict[str, Any] = {
        name: (bool | None if field.annotation in flags else str | None, Field(None, description=field.description))
        for name, field in RenderJob.model_fields.items()
        if name != "scene"
    }
    return create_model("JobOptions", **fields)


if TYPE_CHECKING:

    class JobOptions(BaseModel):
        """What a type checker sees of the options."""
else:
    JobOptions = _job_options()


@app.command
def render(
    scene: str = "",
    *,
    options: Annotated[JobOptions | None, Parameter(name="*")] = None,
    template: str = "",
    values: Values = None,
    again: str = "",
    nodes: int = 0,
    cluster: str = "",
    json: Flag = False,
    progress: Flag = False,
) -> int:
    """Render a still or an animation with all nodes.

    If no farm is running, one is started on this machine for as long as the job takes. The same command goes on
    where it was stopped: what is finished is not rendered again.

    Parameters
    ----------
    scene
        A scene file, or a job file (YAML or JSON) whose fields the options override; with stages, a chain of jobs and
        commands.
    template
        A template for the fields that neither sets: `frontburner template list`. If it names a scene, give none here.
    values
        A value for one of the template's variables, as name=value; repeat it for several.
    again
        Stages of a chain whose commands are run again even if they are complete, such as sim,bake.
    nodes
        Nodes to start on this machine when no farm is running; they share its cores. 0 chooses.
    cluster
        A cluster file: nodes are started by SSH, on Slurm, PBS and others. Empty is FRONTBURNER_CLUSTER.
    json
        Print one JSON object on standard output and nothing else there.
    progress
        Print a JSON object a line on standard output while the job runs, for programs that show progress; the last one
        is the result.
    """
    from frontburner.cli.render import run
    from frontburner.cli.reporters import OutputFormat
    from frontburner.control.intake import JobInput

    output = OutputFormat.JSON_LINES if progress else OutputFormat.JSON if json else OutputFormat.TEXT
    form = JobInput(template=template, values=values or ())
    return run(scene, _given(options), form, nodes=nodes, output=output, again=again, cluster=cluster)


@app.command
@guarded
def submit(
    scene: str,
    *,
    options: Annotated[JobOptions | None, Parameter(name="*")] = None,
    json: Flag = False,
) -> int:
    """Submit a job to the farm you are logged in to. The farm renders without this machine, which needs no renderer.

    The role submit is enough: see `frontburner login`. The farm's page shows the progress.

    Parameters
    ----------
    scene
        Path on the manager of a scene, in one of the folders that it accepts submitted scenes from.
    json
        Print one JSON object with the job's identity and that of its run.
    """
    from frontburner.credentials.membership import read_membership
    from frontburner.settings import Settings
    from frontburner.submission.submit_client import submit_through_gateway

    member = read_membership(Settings().home)
    if member is None:
        raise FrontburnerError(
            reason="You are not logged in to a farm.",
            remedy="frontburner login https://MANAGER:8700 --token TOKEN; `frontburner render` needs no login.",
        )
    submitted = submit_through_gateway(member, {"scene": scene, **_given(options)})
    if json:
        print(json_.dumps(submitted))
    else:
        print_err(f"{member.gateway} renders {submitted['job']}.")
    return OK


@app.command
def watch(
    folder: Path,
    *,
    options: Annotated[JobOptions | None, Parameter(name="*")] = None,
    template: str = "",
    values: Values = None,
    settle: str = "3s",
    nodes: int = 0,
    once: Flag = False,
) -> int:
    """Render what is dropped into a folder: scenes, job files, and folders with one of these.

    Rendered entries are moved to `done` in the folder, those that can't be rendered to `failed`, each with a note
    beside it; pictures go to `pictures` unless --out or the job says otherwise. Entries are rendered one after the
    other, and after an interruption the same command goes on. Options are those of `render`, and override job files.

    Parameters
    ----------
    folder
        The folder to watch.
    template
        A template for the fields that neither a job file nor the options set.
    values
        A value for one of the template's variables, as name=value; repeat it for several.
    settle
        How long a file must stay unchanged to count as complete.
    nodes
        Nodes to start on this machine when no farm is running; 0 chooses.
    once
        Render what is in the folder, then end.
    """
    from frontburner.cli.watch import watch
    from frontburner.control.intake import JobInput

    form = JobInput(template=template, values=values or ())
    return watch(folder, _given(options), form, settle=settle, nodes=nodes, once=once)


def _given(options: JobOptions | None) -> dict[str, Any]:
    return options.model_dump(exclude_unset=True, exclude_none=True) if options else {}


def main() -> None:
    """Run the command and exit with its code."""
    prepare_output()
    # Dask's warning of any difference, be it Python's last digit: what matters is refused in words (`versions`).
    warnings.filterwarnings("ignore", message="Mismatched versions found")
    _use_login()
    code = app(result_action="return_value")
    sys.exit(code if isinstance(code, int) else 0)


def _use_login() -> None:
    """Have commands use the farm this user is logged in to."""
    from frontburner.settings import Settings

    home = Settings().home
    if (home / "farm").exists():
        from frontburner.credentials.membership import apply_login

        try:
            apply_login(home)
        except FrontburnerError as error:
            print_err(error)
