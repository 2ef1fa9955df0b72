"""The text of the systemd unit that starts a farm with its machine."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

UNIT_NAME = "frontburner.service"
START_TIMEOUT_S = 600
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
# Credentials, such as AWS_ACCESS_KEY_ID=… of your own store: a file that only you can read.
EnvironmentFile=-{secrets}
{user}# A farm that was stopped by `frontburner farm down` stays down.
Restart=on-failure
RestartSec=5
TimeoutStartSec={start_timeout_s}
TimeoutStopSec=90
# The supervisor stops its services in their order; what is left after that is killed.
KillMode=mixed

[Install]
WantedBy={target}
"""


def farm_unit(
    command: Sequence[str], *, folder: Path, environment: Mapping[str, str], secrets: Path, user: str = ""
) -> str:
    """Return the text of a farm's unit.

    Parameters
    ----------
    command
        Command that runs the farm in the foreground.
    folder
        Its working folder.
    secrets
        File with more environment variables, which may be missing.
    user
        User that runs the farm, in a unit of the whole machine; empty in a unit of that user.
    """
    return UNIT.format(
        command=" ".join(quote(word) for word in command),
        folder=escape(str(folder)),
        environment="\n".join(f"Environment={quote(f'{name}={value}')}" for name, value in environment.items()),
        secrets=escape(str(secrets)),
        user=f"User={user}\n" if user else "",
        start_timeout_s=START_TIMEOUT_S,
        target="multi-user.target" if user else "default.target",
    )


def quote(word: str) -> str:
    """Return a word quoted so that systemd reads it unchanged."""
    word = escape(word)
    if _PLAIN.fullmatch(word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def escape(text: str) -> str:
    """Return text with systemd's specifiers escaped."""
    return text.replace("%", "%%")
