"""The ``frontburner`` command. Heavy libraries are loaded only by the commands that need them."""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003 - the command line is read by it
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter
from pydantic import BaseModel, Field, create_model

from frontburner.cli.access import app as token_app
from frontburner.cli.access import login, logout
from frontburner.cli.check import doctor
from frontburner.cli.exchange import export_app, import_app
from frontburner.cli.farm import app as farm_app
from frontburner.cli.job import app as job_app
from frontburner.cli.join import join as _join  # noqa: F401 - it adds itself to the commands of nodes
from frontburner.cli.monitor import monitor, top
from frontburner.cli.node import app as node_app
from frontburner.cli.node import licence_app
from frontburner.cli.products import movie
from frontburner.cli.schedule import app as schedule_app
from frontburner.cli.schedule import morning
from frontburner.cli.store_commands import store_app
from frontburner.cli.template import app as template_app
from frontburner.jobs.job import RenderJob

EXIT_CODES = """Exit codes: 0 all pictures are in place · 1 some frames failed · 2 the job was refused before anything
started · 3 the farm or the store failed · 4 suspended or cancelled by a command · 130 stopped by Ctrl-C (run the same
command to go on)."""

app = App(
    name="frontburner",
    help="Spread stills and animations over every machine you have.",
    help_epilogue=EXIT_CODES,
    version="frontburner 0.1.0",
)


app.command(job_app)
app.command(node_app)
app.command(licence_app)
app.command(farm_app)
app.command(store_app)
app.command(template_app)
app.command(export_app)
app.command(import_app)
app.command(doctor)
app.command(movie)
app.command(schedule_app)
app.command(morning)
app.command(monitor)
app.command(top)
app.command(token_app)
app.command(login)
app.command(logout)


def _options() -> type[BaseModel]:
    """Make an option of every field of a job: taken as text, and checked by the job document itself."""
    flags = (bool, bool | None)
    fields: dict[str, Any] = {
        name: (bool | None if field.annotation in flags else str | None, Field(None, description=field.description))
        for name, field in RenderJob.model_fields.items()
        if name != "scene"
    }
    return create_model("JobOptions", **fields)


if TYPE_CHECKING:

    class JobOptions(BaseModel):
        """What the options are to a type checker."""
else:
    JobOptions = _options()


@app.command
def render(
    scene: str = "",
    *,
    options: Annotated[JobOptions | None, Parameter(name="*")] = None,
    template: str = "",
    values: Annotated[list[str] | None, Parameter(name="--set", negative=())] = None,
    again: str = "",
    nodes: int = 0,
    cluster: str = "",
    json: Annotated[bool, Parameter(negative=())] = False,
    progress: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Render a still or an animation with all nodes.

    With no farm running, one is started on this machine for as long as the job takes. The same command goes
    on where it was stopped: what is finished is never rendered again.

    Parameters
    ----------
    scene
        A scene file, or a job file (YAML or JSON) whose fields the options override; with stages, a chain of jobs and
        commands.
    template
        A template for what neither says: `frontburner template list`. One that names a scene needs none here.
    values
        A value for one of the template's variables, as name=value; for several, give it several times.
    again
        Stages of a chain whose commands are run again although they are complete, such as sim,bake.
    nodes
        Nodes to start on this machine when no farm is running; they share its cores. 0 chooses.
    cluster
        A cluster file: nodes are started as it says, by SSH, on Slurm, PBS and others. Empty is FRONTBURNER_CLUSTER.
    json
        Print one JSON object on standard output and nothing else there.
    progress
        Print a JSON object a line on standard output while it goes on, for programs that show progress; the last one
        says how it ended.
    """
    from frontburner.cli.notify_commands import CommandReport
    from frontburner.cli.render import run
    from frontburner.control.intake import JobInput

    told = CommandReport.LINES if progress else CommandReport.JSON if json else CommandReport.WORDS
    form = JobInput(template=template, values=values or ())
    return run(scene, _given(options), form, nodes=nodes, told=told, again=again, cluster=cluster)


@app.command
def submit(
    scene: str,
    *,
    options: Annotated[JobOptions | None, Parameter(name="*")] = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Give a job to the farm you are logged in to. It renders without this machine, which needs no renderer.

    The right to submit is enough: see `frontburner login`. How it goes is on the farm's page.

    Parameters
    ----------
    scene
        A scene in one of the folders that the manager takes submitted scenes from, as it is called there.
    json
        Print one JSON object with the job's identity and that of its run.
    """
    from frontburner.cli.submit import hand

    return hand(scene, _given(options), as_json=json)


@app.command
def watch(
    folder: Path,
    *,
    options: Annotated[JobOptions | None, Parameter(name="*")] = None,
    template: str = "",
    values: Annotated[list[str] | None, Parameter(name="--set", negative=())] = None,
    settle: str = "3s",
    nodes: int = 0,
    once: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Render what is dropped into a folder: scenes, job files, and folders with one of these.

    What is rendered is moved to `done` in the folder, what can't be to `failed`, each with a note beside it; pictures
    go to `pictures` unless --out or the job says otherwise. One is rendered after the other, and a watch that was
    ended goes on where it was. Options are as of `render`, and go before what a job file says.

    Parameters
    ----------
    folder
        The folder to watch.
    template
        A template for what neither a drop nor the options say.
    values
        A value for one of the template's variables, as name=value; for several, give it several times.
    settle
        How long a file must stay as it is before it counts as complete.
    nodes
        Nodes to start on this machine when no farm is running; 0 chooses.
    once
        Render what is there, then end.
    """
    from frontburner.cli.watch import watch
    from frontburner.control.intake import JobInput

    form = JobInput(template=template, values=values or ())
    return watch(folder, _given(options), form, settle=settle, nodes=nodes, once=once)


def _given(options: JobOptions | None) -> dict[str, Any]:
    return options.model_dump(exclude_unset=True, exclude_none=True) if options else {}


def main() -> None:
    """Run the command and exit with its code."""
    _as_whoever_is_logged_in()
    code = app(result_action="return_value")
    sys.exit(code if isinstance(code, int) else 0)


def _as_whoever_is_logged_in() -> None:
    """Have commands use the farm this user is logged in to."""
    from frontburner.settings import Settings

    home = Settings().home
    if (home / "farm").exists():
        from frontburner.credentials.membership import apply_login
        from storage.errors import FrontburnerError

        try:
            apply_login(home)
        except FrontburnerError as error:
            print(error, file=sys.stderr)
