"""Units of systemd, by which a machine brings its farm up when it starts. Pure text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

NAME = "frontburner.service"
START_WITHIN_S = 600
_PLAIN = re.compile(r"[\w@:,./=+-]+")

UNIT = """# Written by `frontburner farm install`.
[Unit]
Description=Frontburner render farm
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
ExecStart={command}
WorkingDirectory={folder}
{environment}
# Credentials, such as AWS_ACCESS_KEY_ID=… of a store of your own: a file that only you can read.
EnvironmentFile=-{secrets}
{user}# A farm that was ended by `frontburner farm down` stays down.
Restart=on-failure
RestartSec=5
TimeoutStartSec={start_s}
TimeoutStopSec=90
# The supervisor ends its parts in their order; what is left after that is killed.
KillMode=mixed

[Install]
WantedBy={target}
"""


def farm_unit(
    command: Sequence[str], *, folder: Path, environment: Mapping[str, str], secrets: Path, user: str = ""
) -> str:
    """Return the unit of a farm.

    Parameters
    ----------
    command
        What runs it in the foreground.
    folder
        The folder it is run in.
    secrets
        A file with more of the environment, which needn't be there.
    user
        Whose farm it is, in a unit of the whole machine; empty in a unit of that user's own.
    """
    return UNIT.format(
        command=" ".join(quoted(word) for word in command),
        folder=escaped(str(folder)),
        environment="\n".join(f"Environment={quoted(f'{name}={value}')}" for name, value in environment.items()),
        secrets=escaped(str(secrets)),
        user=f"User={user}\n" if user else "",
        start_s=START_WITHIN_S,
        target="multi-user.target" if user else "default.target",
    )


def quoted(word: str) -> str:
    """Return a word as systemd reads it as one, and as it is."""
    word = escaped(word)
    if _PLAIN.fullmatch(word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def escaped(text: str) -> str:
    """Return text in which systemd replaces nothing."""
    return text.replace("%", "%%")
