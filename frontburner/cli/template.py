"""``frontburner template``: job documents with variables, kept by name."""

from __future__ import annotations

import json
import sys
from pathlib import Path  # noqa: TC003 - the command line is read by it
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from frontburner.cli.job import guarded
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from frontburner.jobs.templates import SavedTemplate

OK = 0

app = App(
    name="template",
    help="""Keep job documents with variables by name: `frontburner render --template NAME SCENE` uses one.

A template is a YAML file: `variables` with a default each, and a `job` in which $name stands for a variable. It is
kept in the folder templates of FRONTBURNER_HOME, or with --shared in the one FRONTBURNER_TEMPLATES names.""",
    help_epilogue="Exit codes: 0 done · 2 no such template, or it was refused · 3 it couldn't be kept.",
)

Json = Annotated[bool, Parameter(negative=(), help="Print JSON on standard output and nothing else there.")]


@app.command(name="list")
def list_(*, json: Json = False) -> int:
    """List the templates there are, with their variables and defaults."""

    def act() -> int:
        from frontburner.jobs.templates import load, names

        kept, trouble = [], False
        for name in names():
            try:
                kept.append(load(name))
            except FrontburnerError as error:
                trouble = True
                print(error, file=sys.stderr)
        if json:
            print(_json([_document(each) for each in kept]))
        elif not kept and not trouble:
            print("There is no template yet. `frontburner template save NAME JOB.yaml` keeps a job file as one.")
        for each in [] if json else kept:
            print("  ".join(filter(None, [each.name, _variables(each), each.template.description])))
        return OK

    return guarded(act)


@app.command
def show(name: str, *, json: Json = False) -> int:
    """Show a template as it is kept."""

    def act() -> int:
        from frontburner.jobs.templates import load

        kept = load(name)
        print(_json(_document(kept)) if json else kept.path.read_text(encoding="utf-8").rstrip())
        return OK

    return guarded(act)


@app.command
def save(name: str, file: Path, *, shared: Annotated[bool, Parameter(negative=())] = False) -> int:
    """Keep a template, or a job file, under a name.

    Parameters
    ----------
    file
        A template or a job file (YAML or JSON). A scene it names is used where none is given with the template.
    shared
        Keep it where other machines find it too.
    """

    def act() -> int:
        from frontburner.jobs.templates import save

        print(save(name, file, shared=shared))
        return OK

    return guarded(act)


def _variables(kept: SavedTemplate) -> str:
    return " ".join(
        f"{name}={'…' if variable.default is None else variable.default}"
        for name, variable in kept.template.variables.items()
    )


def _document(kept: SavedTemplate) -> dict[str, Any]:
    return {"name": kept.name, "file": str(kept.path), **kept.template.model_dump(mode="json")}


def _json(document: Any) -> str:  # noqa: ANN401
    return json.dumps(document)
