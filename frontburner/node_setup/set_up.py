"""Sets a machine up as a node: verifies the manager, and installs its Frontburner in an environment of its own.

The manager sends this file to machines that have nothing but Python, so it needs nothing else. It's plain ASCII,
because it travels inside shell scripts.

One file over 300 lines: it travels alone.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import platform
import shutil
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

TOKEN_VARIABLE = "FRONTBURNER_TOKEN"  # noqa: S105 - the name of a variable
DONE = "installed.json"
"""File in an environment, written once everything is installed: what the manager gave."""
TIMEOUT_S = 60.0
CURRENT = "current"
"""File beside the environments, with the name of the one that was used last."""
SERVICE = "service"
"""File in the environment that the installed service starts; it starts newer ones from there."""
WINDOWS, MACOS = platform.system() == "Windows", platform.system() == "Darwin"
"""Asked here, and not of the package `system`, because this file is alone on the machine."""
_SCRIPT_ENCODING = "oem" if WINDOWS else "utf-8"
"""As the shell reads its scripts: the names of users needn't be ASCII."""
_PORT = 8700
_TOKEN_PARTS = 4
_CHUNK_BYTES = 1 << 20


class SetUpFailed(Exception):
    """The machine can't be set up; the message says why, and what to do."""


class Manager(NamedTuple):
    """A verified connection to a farm's manager."""

    host: str
    port: int
    token: str
    context: ssl.SSLContext

    def get(self, path: str) -> bytes:
        """Return what the manager answers."""
        chunks: list[bytes] = []
        self._request(path, chunks.append)
        return b"".join(chunks)

    def download(self, path: str, target: Path) -> None:
        """Write what the manager answers into a file."""
        part = target.with_name(target.name + ".part")
        with part.open("wb") as file:
            self._request(path, file.write)
        part.replace(target)

    def _request(self, path: str, write: Callable[[bytes], object]) -> None:
        connection = http.client.HTTPSConnection(self.host, self.port, timeout=TIMEOUT_S, context=self.context)
        try:
            connection.request("GET", path, headers={"authorization": "Bearer " + self.token})
            response = connection.getresponse()
            if response.status != http.client.OK:
                raise SetUpFailed(_refusal(response.status, response.read()))
            while chunk := response.read(_CHUNK_BYTES):
                write(chunk)
        except (OSError, http.client.HTTPException) as error:
            raise _unreachable(self.host, self.port, error) from None
        finally:
            connection.close()


def main(arguments: Sequence[str]) -> int:
    """Set this machine up, join the farm, and return the exit code."""
    parser = argparse.ArgumentParser(prog="frontburner node", description="Set this machine up as a node.")
    parser.add_argument("farm", help="address of the farm's gateway, such as https://manager:8700")
    parser.add_argument("--name", default="", help="the node's name; empty is the machine's name")
    parser.add_argument("--no-service", action="store_true", help="don't start the node with the machine")
    given, options = parser.parse_known_args(arguments)
    token = os.environ.pop(TOKEN_VARIABLE, "")
    try:
        folder = install(verified_manager(given.farm, token), home() / "node")
    except SetUpFailed as failed:
        say(str(failed))
        return 1
    name = ["--name", given.name] if given.name else []
    environment = {**os.environ, TOKEN_VARIABLE: token}
    code = subprocess.call([*frontburner(folder), "node", "enrol", given.farm, *name], env=environment)
    if code:
        return code
    return start(folder, [*name, *options], service=not given.no_service)


def start(folder: Path, options: Sequence[str], *, service: bool) -> int:
    """Have the node run from now on, or until this command ends; returns the exit code."""
    if service and subprocess.call([*frontburner(folder), "node", "install", *options]) == 0:
        return 0
    if service:
        say("The node runs as long as this terminal, since it couldn't be installed to start with the machine.")
    try:
        return subprocess.call([*frontburner(folder), "node", "join", *options])
    except KeyboardInterrupt:
        return 130


def verified_manager(farm: str, token: str) -> Manager:
    """Return a connection to the manager that the token is for; nothing secret is sent to any other."""
    parts = token.split(".")
    if len(parts) != _TOKEN_PARTS:
        raise SetUpFailed("There is no token. Copy the whole command: frontburner node invite, on the manager.")
    url = urlsplit(farm)
    host, port = url.hostname or "", url.port or _PORT
    # Anybody may answer this: it sends nothing, and only the certificate that the token names is accepted.
    unverified = ssl.create_default_context()
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    pem = Manager(host, port, "", unverified).get("/ca.pem").decode("ascii", "replace")
    try:
        authority = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
    except ValueError:
        authority = ""
    if authority != parts[3]:
        raise SetUpFailed(
            f"{farm} isn't the farm that this command is from: its authority is another one.\n"
            "Check the address. If it is right, warn whoever runs the farm: the connection may be intercepted."
        )
    return Manager(host, port, token, ssl.create_default_context(cadata=pem))


def home() -> Path:
    """Return the folder of Frontburner's data, as `platformdirs` names it."""
    if given := os.environ.get("FRONTBURNER_HOME"):
        return Path(given).expanduser().absolute()
    if WINDOWS:
        return Path(os.environ["LOCALAPPDATA"]) / "frontburner" / "frontburner"
    if MACOS:
        return Path.home() / "Library" / "Application Support" / "frontburner"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "frontburner"


def offered(manager: Manager) -> dict[str, Any]:
    """Return what the manager gives nodes of this system to install."""
    document: dict[str, Any] = json.loads(manager.get("/join/setup?system=" + quote(system())))
    return document


def system() -> str:
    """Return the name of this system and its processor."""
    return f"{platform.system()}-{platform.machine()}".lower()


def install(manager: Manager, parent: Path, offer: Mapping[str, Any] | None = None) -> Path:
    """Install what the manager gives in an environment of its own, unless it is there; returns its folder."""
    offer = offer or offered(manager)
    python = ".".join(platform.python_version_tuple()[:2])
    if python != offer["python"]:
        raise SetUpFailed(f"This farm's nodes need Python {offer['python']}; this one is {python} ({sys.executable}).")
    folder = parent / digest(offer)
    if (folder / DONE).is_file():
        make_current(folder)
        return folder
    say(f"Frontburner {offer['version']} and {offer['requirements'].count('==')} packages are installed in {folder}.")
    shutil.rmtree(folder, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(folder)], "The environment couldn't be made.")
    install_packages(manager, offer, folder)
    (folder / DONE).write_text(json.dumps(offer), encoding="utf-8")
    make_current(folder)
    return folder


def install_packages(manager: Manager, offer: Mapping[str, Any], folder: Path) -> None:
    """Install the packages, then Frontburner, each only if its hash is the one that the manager names."""
    wheels = folder / "wheels"
    wheels.mkdir(exist_ok=True)
    own = offer["wheel"]
    for name in offer["packages"]:
        manager.download(f"/join/packages/{quote(system())}/{quote(name)}", wheels / name)
    manager.download("/join/wheel/" + quote(own["name"]), wheels / own["name"])
    requirements, alone = folder / "requirements.txt", folder / "frontburner.txt"
    requirements.write_text(offer["requirements"], encoding="utf-8")
    alone.write_text(f"frontburner=={own['version']} --hash=sha256:{own['sha256']}\n", encoding="utf-8")
    pip = [
        str(python_of(folder)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--no-compile", "--require-hashes", "--only-binary", ":all:", "--find-links", str(wheels),
    ]  # fmt: skip
    source = "the manager" if offer["complete"] else "PyPI"
    why = f"The packages couldn't be installed from {source}."
    if not offer["complete"]:
        why += f" If this machine has no internet, let the manager keep them: frontburner farm wheels {system()}"
    _run([*pip, *(["--no-index"] if offer["complete"] else []), "-r", str(requirements)], why)
    _run([*pip, "--no-index", "-r", str(alone)], "The manager's own wheel couldn't be installed.")
    shutil.rmtree(wheels, ignore_errors=True)


def make_current(folder: Path) -> None:
    """Use an environment from now on; those that nothing needs are removed."""
    before = current(folder.parent)
    if before == folder:
        return
    (folder.parent / CURRENT).write_text(folder.name, encoding="utf-8")
    write_launcher(folder)
    for path in folder.parent.iterdir():
        needed = path in (folder, before, Path(sys.prefix)) or (path / SERVICE).exists()
        if path.is_dir() and not needed:
            shutil.rmtree(path, ignore_errors=True)


def current(parent: Path) -> Path | None:
    """Return the environment that was used last; None if there is none."""
    try:
        folder = parent / (parent / CURRENT).read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return folder if (folder / DONE).is_file() else None


def digest(offer: Mapping[str, Any]) -> str:
    """Return the name of the environment of an offer: the same packages and source have the same one."""
    parts = [offer["wheel"]["sha256"], offer["requirements"], offer["python"]]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def frontburner(folder: Path) -> list[str]:
    """Return the command `frontburner` of an environment."""
    return [str(python_of(folder)), "-P", "-m", "frontburner.cli"]  # -P: not what is in the current folder


def python_of(folder: Path) -> Path:
    """Return the Python of an environment."""
    return folder / "Scripts" / "python.exe" if WINDOWS else folder / "bin" / "python"


def launcher() -> Path:
    """Return the file by which `frontburner` is found in a terminal: both folders are on the PATH of most systems."""
    if WINDOWS:
        return Path(os.environ["LOCALAPPDATA"]) / "Microsoft" / "WindowsApps" / "frontburner.cmd"
    return Path.home() / ".local" / "bin" / "frontburner"


def write_launcher(folder: Path) -> None:
    """Make `frontburner` mean the one in an environment, unless this machine has another."""
    path = launcher()
    if path.exists() and not is_own_launcher(path, folder.parent):
        return
    command = " ".join(f'"{part}"' if " " in part else part for part in frontburner(folder))
    text = f"@{command} %*\r\n" if WINDOWS else f'#!/bin/sh\nexec {command} "$@"\n'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding=_SCRIPT_ENCODING, newline="")
    path.chmod(0o755)


def is_own_launcher(path: Path, parent: Path) -> bool:
    """Whether a file was written by `write_launcher` for an environment in a folder."""
    try:
        return str(parent) in path.read_text(encoding=_SCRIPT_ENCODING)
    except (OSError, ValueError):
        return False


def say(text: str) -> None:
    """Tell the user what happens."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _run(command: Sequence[str], why: str) -> None:
    if subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode:
        raise SetUpFailed(f"{why}\nNothing was changed on this machine: paste the command again.")


def _refusal(status: int, body: bytes) -> str:
    try:
        answer = json.loads(body)
        return f"The manager refused: {answer['reason']} {answer.get('remedy', '')}".rstrip()
    except (ValueError, LookupError, TypeError, AttributeError):
        return f"The manager answered {status}. See its log there: frontburner farm logs gateway"


def _unreachable(host: str, port: int, error: Exception) -> SetUpFailed:
    if isinstance(error, ssl.SSLCertVerificationError):
        return SetUpFailed(f"The manager's certificate isn't valid for {host}: {error.verify_message}.")
    if isinstance(error, socket.gaierror):
        return SetUpFailed(f"No machine is called {host} here.")
    return SetUpFailed(
        f"{host}:{port} doesn't answer: {error or type(error).__name__}.\n"
        "Check that the farm is up (frontburner farm status, on the manager), and that no firewall blocks the port."
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
