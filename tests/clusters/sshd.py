"""An SSH server on the loopback interface, with its own keys, for the user who runs the test."""

from __future__ import annotations

import getpass
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from system.machine import is_root
from tests.clusters.daemons import daemon
from tests.end_to_end.conftest import until
from tests.storage import seaweed

if TYPE_CHECKING:
    from collections.abc import Iterator

SEPARATION = Path("/run/sshd")
"""A folder without which the server doesn't start; systemd would create it."""
CONFIGURATION = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PidFile {folder}/sshd.pid
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
LogLevel ERROR
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SshServer:
    """A server that runs, and the files to log in with."""

    host: str
    port: int
    user: str
    key: Path
    known_hosts: Path


def missing_requirement() -> str:
    """Why no SSH server can be started here; empty if one can."""
    if not is_root():
        return "only root can run an SSH server for itself"
    is_missing = not (shutil.which("sshd", path="/usr/sbin:/usr/bin") and shutil.which("ssh-keygen"))
    return "sshd of Debian's openssh-server is missing" if is_missing else ""


@contextmanager
def ssh_server(folder: Path) -> Iterator[SshServer]:
    """Run an SSH server until the context ends."""
    folder.mkdir(parents=True)
    for name in ("host_key", "user_key"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name],
            check=True, timeout=30, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    SEPARATION.mkdir(mode=0o755, exist_ok=True)
    (port,) = seaweed._free_ports(1)
    configuration = folder / "sshd_config"
    configuration.write_text(CONFIGURATION.format(port=port, folder=folder))
    known_hosts = folder / "known_hosts"
    known_hosts.write_text(f"[127.0.0.1]:{port} {(folder / 'host_key.pub').read_text()}")
    with daemon(["sshd", "-D", "-e", "-f", str(configuration)], folder) as process:
        until((folder / "sshd.pid").exists)
        assert process.poll() is None, (folder / "sshd.output.log").read_text()
        yield SshServer(
            host="127.0.0.1", port=port, user=getpass.getuser(), key=folder / "user_key", known_hosts=known_hosts
        )
