"""``frontburner node install``, ``uninstall`` and ``status``: a node that starts with its machine."""

from __future__ import annotations

import os
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from frontburner.cli import installed_services
from frontburner.cli.command import OK, UNAVAILABLE, Flag, Json, Scheduler, guarded, print_err, print_result
from frontburner.cli.installed_services import command_line, inherited_environment
from frontburner.cli.node import app
from frontburner.cli.run_node import NodeOptions
from storage.errors import FrontburnerError
from system.installed_service import InstalledService, ServiceState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NAME = "frontburner-node"
_NOT_KEPT = tuple(f"FRONTBURNER_{name}" for name in ("FILES", "HOME", "MEMBER", "SCHEDULER", "STORE", "TOKEN"))
"""Variables that an installed node doesn't inherit: they are of the user who is logged in to a farm."""


@app.command
@guarded
def install(
    *,
    scheduler: Scheduler = "",
    options: NodeOptions | None = None,
    system: Flag = False,
    print_: Annotated[bool, Parameter(name="--print", negative=())] = False,
) -> int:
    """Have a node of the farm that this machine has joined run from now on, whenever you log on.

    By systemd on Linux (whenever the machine starts, with lingering), launchd on macOS, Task Scheduler on Windows. What
    FRONTBURNER_… variables say now applies to it, such as where renderers are. Install again to change an option.

    Parameters
    ----------
    scheduler
        Address of a scheduler on a network you trust, for a node that joins without certificates.
    system
        Start with the machine, before anybody logs on. Needs root or an administrator. On Windows and macOS such a node
        has no desktop: no mapped drives, and renderers that need one can't use the graphics card.
    print_
        Only print what would be installed.
    """
    from frontburner.node_setup.upgrade import keep_for_service

    service = node_service(options or NodeOptions(), scheduler)
    code = installed_services.install(service, system=system, only_print=print_)
    if not print_:
        keep_for_service()
    return code


@app.command
@guarded
def uninstall(*, system: Flag = False, keep: Flag = False) -> int:
    """Remove the installed node; if it runs, it ends, and its unit is rendered elsewhere. Its farm forgets it.

    Its credentials are deleted, and its Frontburner, if the command of `node invite` installed it.

    Parameters
    ----------
    system
        That of the whole machine, not of your user.
    keep
        Only remove what starts it: the node stays a member of its farm, and can be installed again without a token.
    """
    if keep:
        installed_services.uninstall(NAME, system=system)
        return OK
    try:
        installed_services.uninstall(NAME, system=system)
    except FrontburnerError as error:  # such as a machine without a service manager, where nothing was installed
        print_err(error)
    _leave()
    return OK


def _leave() -> None:
    """Leave the farms of all nodes here, and remove what was installed for them."""
    from frontburner.credentials.joining import JoinRefused, leave
    from frontburner.credentials.membership import nodes_here
    from frontburner.node_setup.upgrade import remove_environments
    from frontburner.settings import Settings

    for member in nodes_here(Settings().home):
        try:
            leave(member)
            print_err(f"{member.gateway} has forgotten the node {member.name}.")
        except JoinRefused as error:
            print_err(f"{error.reason} Its credentials are deleted here; on the manager, revoke them: "
                      f"frontburner token revoke node-{member.name}")  # fmt: skip
    if (folder := remove_environments()) is not None:
        print_err(f"{folder} is removed.")


@app.command
@guarded
def status(*, json: Json = False) -> int:
    """Say whether a node is installed on this machine, and runs. Exit code 0 if it does, else 3."""
    state, where = installed_services.installed(NAME)
    document = {"installed": state is not ServiceState.ABSENT, "running": state is ServiceState.RUNNING, "place": where}
    print_result(document, [f"The node is {state.value}{f': {where}' if where else ''}."], as_json=json)
    if state is ServiceState.ABSENT and not json:
        print_err("To install it: frontburner node install")
    return OK if state is ServiceState.RUNNING else UNAVAILABLE


def node_service(options: NodeOptions, scheduler: str) -> InstalledService:
    """Return the service of a node with these options."""
    from frontburner.cluster.log_files import logs_folder
    from frontburner.settings import Settings

    home = Settings().home.expanduser().absolute()
    return InstalledService(
        name=NAME,
        title="Frontburner node",
        command=(*command_line(), "node", *_command(options, scheduler)),
        folder=home,
        environment={"FRONTBURNER_HOME": str(home), **_settings(), **inherited_environment()},
        secrets=home / "node-environment",
        log=logs_folder() / "node.log",
    )


def _command(options: NodeOptions, scheduler: str) -> Iterator[str]:
    from frontburner.credentials.certificates import check_name
    from frontburner.credentials.membership import read_membership
    from frontburner.settings import Settings

    if scheduler:
        yield from ("start", "--scheduler", scheduler)
    elif read_membership(Settings().home, check_name(options.node_name)) is not None:
        yield "join"
    else:
        raise FrontburnerError(
            reason=f"The node {options.node_name} hasn't joined a farm yet.",
            remedy="Have it join: frontburner node enrol https://MANAGER:8700 --token TOKEN. "
            "A farm that needs no certificates is named by --scheduler.",
        )
    yield from option_words(options)


def option_words(options: NodeOptions) -> Iterator[str]:
    """Return a node's options as words of a command line, without those that are as they are by default."""
    for each in fields(options):
        value = getattr(options, each.name)
        if each.default is not MISSING and value == each.default:
            continue
        yield f"--{each.name.replace('_', '-')}"
        if value is not True:
            yield str(value)


def _settings() -> Mapping[str, str]:
    return {name: os.environ[name] for name in sorted(os.environ)
            if name.startswith("FRONTBURNER_") and not name.startswith(_NOT_KEPT)}  # fmt: skip
