"""Windows machines for tests: each is a Wine prefix of its own, with a C: drive and nothing else of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PYTHON = r"C:\Python311\python.exe"
WINE = {"WINEARCH": "win64", "WINEDEBUG": "-all", "DISPLAY": "", "WAYLAND_DISPLAY": ""}
SHARED = {"windows", "Python311"}
END_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsMachine:
    r"""A machine with Windows' Python, all locked packages, and this tree as `C:\frontburner`.

    Parameters
    ----------
    within
        What runs its programs, such as ``ip netns exec NAME``; empty is nothing.
    """

    prefix: Path
    wpy: str
    within: tuple[str, ...] = ()

    @property
    def drive(self) -> Path:
        """Its C: drive, as Linux sees it."""
        return self.prefix / "drive_c"

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        r"""Start its Python in `C:\frontburner`, e.g. with ``-m frontburner.cli``; `options` as of `subprocess.Popen`.

        `env` adds to a new user's environment: this machine's own variables name paths that Windows hasn't got.
        """
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        environment = kept | options.pop("env", {}) | {"WINEPREFIX": str(self.prefix)}
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("cwd", self.drive / "frontburner")
        return subprocess.Popen([*self.within, self.wpy, *arguments], env=environment, **options)

    def run(self, *arguments: str, timeout_s: float = 300, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run its Python to its end; its output and errors are one text."""
        with self.start(*arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options) as process:
            try:
                output = process.communicate(timeout=timeout_s)[0]
            except subprocess.TimeoutExpired:
                end_wine(self.prefix)  # what it has started holds the pipe open
                raise
        return subprocess.CompletedProcess(arguments, process.returncode, output.decode(errors="replace"))


@contextmanager
def windows_machine(wpy: str, folder: Path, within: tuple[str, ...] = ()) -> Iterator[WindowsMachine]:
    """Make a machine in an empty folder, from the one beside `wpy`; nothing of it runs on after this block."""
    program = Path(wpy).absolute()
    model = program.parent / "prefix"
    prefix = folder / "prefix"
    # Nobody changes Windows or Python themselves: links to the same files take no space and little time.
    shutil.copytree(model, prefix, symlinks=True, ignore=_shared)
    for name in SHARED:
        shutil.copytree(model / "drive_c" / name, prefix / "drive_c" / name, symlinks=True, copy_function=os.link)
    copy_tree(prefix / "drive_c" / "frontburner")
    try:
        yield WindowsMachine(prefix=prefix, wpy=str(program), within=within)
    finally:
        end_wine(prefix)
        shutil.rmtree(prefix, ignore_errors=True)


def copy_tree(target: Path) -> None:
    """Copy what git knows or doesn't ignore, as it is now: an install has no more."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=ROOT, stdout=subprocess.PIPE,
        check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (source := ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target / name)


def end_wine(prefix: Path) -> None:
    """End all programs of a Wine prefix."""
    environment = os.environ | WINE | {"WINEPREFIX": str(prefix)}
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    for option in ("-k", "-w"):
        with suppress(subprocess.TimeoutExpired):
            subprocess.run(["wineserver", option], env=environment, timeout=END_S, check=False, **quiet)  # type: ignore[call-overload]


def _shared(folder: str, names: list[str]) -> set[str]:
    return SHARED & set(names) if Path(folder).name == "drive_c" else set()
