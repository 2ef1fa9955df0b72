"""``frontburner template``: job documents with variables, saved by name."""

from __future__ import annotations

import json as json_
from pathlib import Path  # noqa: TC003 - cyclopts reads annotations
from typing import TYPE_CHECKING, Any

from cyclopts import App

from frontburner.cli.command import OK, Flag, Json, guarded_with_farm, print_err, print_result
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from frontburner.jobs.templates import SavedTemplate

app = App(
    name="template",
    help="""Save job documents with variables by name: `frontburner render --template NAME SCENE` uses one.

A template is a YAML file: `variables` with a default each, and a `job` in which $name stands for a variable. It is
saved in the folder templates of FRONTBURNER_HOME, or with --shared in the one that FRONTBURNER_TEMPLATES names.""",
    help_epilogue="Exit codes: 0 done · 2 no such template, or it was refused · 3 it couldn't be saved.",
)


@app.command(name="list")
@guarded_with_farm
def list_(*, json: Json = False) -> int:
    """List the templates, with their variables and defaults."""
    from frontburner.jobs.templates import load, names

    saved, failed = [], False
    for name in names():
        try:
            saved.append(load(name))
        except FrontburnerError as error:
            failed = True
            print_err(error)
    lines = ["  ".join(filter(None, [each.name, _variables(each), each.template.description])) for each in saved]
    if not lines and not failed:
        lines = ["There is no template yet. `frontburner template save NAME JOB.yaml` saves a job file as one."]
    print_result([_document(each) for each in saved], lines, as_json=json)
    return OK


@app.command
@guarded_with_farm
def show(name: str, *, json: Json = False) -> int:
    """Show a template."""
    from frontburner.jobs.templates import load

    saved = load(name)
    print(json_.dumps(_document(saved)) if json else saved.path.read_text(encoding="utf-8").rstrip())
    return OK


@app.command
@guarded_with_farm
def save(name: str, file: Path, *, shared: Flag = False) -> int:
    """Save a template, or a job file as one.

    Parameters
    ----------
    file
        A template or a job file (YAML or JSON). A scene it names is used if none is given with the template.
    shared
        Save it where other machines find it too.
    """
    from frontburner.jobs.templates import save

    print(save(name, file, shared=shared))
    return OK


def _variables(saved: SavedTemplate) -> str:
    return " ".join(
        f"{name}={'…' if variable.default is None else variable.default}"
        for name, variable in saved.template.variables.items()
    )


def _document(saved: SavedTemplate) -> dict[str, Any]:
    return {"name": saved.name, "file": str(saved.path), **saved.template.model_dump(mode="json")}
