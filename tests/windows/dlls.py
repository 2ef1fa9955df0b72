"""The parts of Windows' Python that are compiled here, by mingw: what PyPI's wheel lacks, and what Wine 8 lacks."""

from __future__ import annotations

import subprocess
from pathlib import Path

CROSS = "x86_64-w64-mingw32"
MAIN = """
#include <wchar.h>
__declspec(dllimport) int Py_Main(int, wchar_t **);
int wmain(int argc, wchar_t **argv) { return Py_Main(argc, argv); }
"""
NOTHING = "int __stdcall DllMain(void *library, unsigned reason, void *reserved) { return 1; }\n"
RANDOM = """
#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE to, SIZE_T bytes) { return SystemFunction036(to, (ULONG)bytes); }
"""
COMPLEX = """
#include <complex.h>
typedef struct { double re, im; } Double;
typedef struct { float re, im; } Float;
#define IN(z) __builtin_complex((double)(z).re, (double)(z).im)
#define MAPPING(name) \\
    Double our_##name(Double a) { double _Complex z = name(IN(a)); return (Double){__real__ z, __imag__ z}; } \\
    Float our_##name##f(Float a) { double _Complex z = name(IN(a)); return (Float){__real__ z, __imag__ z}; }
#define MEASURE(name) \\
    double our_##name(Double a) { return name(IN(a)); } \\
    float our_##name##f(Float a) { return (float)name(IN(a)); }
Double our_cpow(Double a, Double b) { double _Complex z = cpow(IN(a), IN(b)); return (Double){__real__ z, __imag__ z}; }
Float our_cpowf(Float a, Float b) { double _Complex z = cpow(IN(a), IN(b)); return (Float){__real__ z, __imag__ z}; }
"""
MAPPINGS = (
    "cexp", "csin", "ccos", "ctan", "csinh", "ccosh", "ctanh", "clog", "csqrt", "casin", "cacos", "catan", "casinh",
    "cacosh", "catanh", "conj", "cproj",
)  # fmt: skip
MEASURES = ("creal", "cimag", "cabs", "carg")


def build(python: Path, system: Path, folder: Path) -> None:
    """Compile, in an empty folder, what belongs into a Python's folder and what belongs into Windows' own."""
    names = exports(python / "python311.dll", folder / "python311.def")
    _python_exe(python, folder)
    _stable_interface(python, folder, names)
    _gcc(folder / "random.c", RANDOM, "-shared", "-o", system / "bcryptprimitives.dll", "-ladvapi32")
    _c_library(system, folder)


def _python_exe(python: Path, folder: Path) -> None:
    """Compile python.exe: games have a program of their own instead."""
    table, library = folder / "python311.def", folder / "libpython311.a"
    subprocess.run([f"{CROSS}-dlltool", "-d", table, "-l", library, "-D", "python311.dll"], check=True)
    _gcc(folder / "python.c", MAIN, "-municode", "-o", python / "python.exe", library)


def _stable_interface(python: Path, folder: Path, names: dict[str, str]) -> None:
    """Make python3.dll, which packages of the stable interface are linked with: all of it is in python311.dll."""
    forwards = [f"{name} = python311.{name}{kind}" for name, kind in names.items()]
    table = _definition(folder / "python3.def", "python3.dll", forwards)
    made = python / "python3.dll"
    _gcc(folder / "nothing.c", NOTHING, "-shared", "-nostdlib", "-e", "DllMain", "-o", made, table)


def _c_library(system: Path, folder: Path) -> None:
    """Make a ucrtbase.dll with the complex functions that numpy calls, which hands all others on to Wine's."""
    original = next(Path("/usr/lib").glob("**/x86_64-windows/ucrtbase.dll")).read_bytes()
    # Without this mark Wine takes the copy, of another name, for a library like any other.
    copy = system / "ucrtbas0.dll"
    copy.write_bytes(original.replace(b"Wine builtin DLL", bytes(16), 1))
    subprocess.run([f"{CROSS}-strip", copy], check=True)
    ours = {
        name + end: f"our_{name}" + ("f" if end == "f" else "")  # long doubles are doubles on Windows
        for name in (*MAPPINGS, *MEASURES, "cpow")
        for end in ("", "f", "l")
    }
    theirs = exports(copy, folder / "ucrtbas0.def")
    forwards = [f'"{name}" = {own}' for name, own in ours.items()]
    forwards += [f'"{name}" = "ucrtbas0.{name}"{kind}' for name, kind in theirs.items() if name not in ours]
    table = _definition(folder / "ucrtbase.def", "ucrtbase.dll", forwards)
    source = COMPLEX + "".join(f"MAPPING({name})\n" for name in MAPPINGS)
    source += "".join(f"MEASURE({name})\n" for name in MEASURES)
    (system / "ucrtbase.dll").unlink()  # Wine's may be a link to the installed one
    _gcc(folder / "complex.c", source, "-shared", "-static-libgcc", "-o", system / "ucrtbase.dll", table, "-lm")


def exports(library: Path, table: Path) -> dict[str, str]:
    """List what a library exports: names, and whether they are data; also written as a table of definitions."""
    listed = subprocess.run(["gendef", "-", library], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    table.write_bytes(listed.stdout)
    lines = listed.stdout.decode().partition("EXPORTS")[2].splitlines()
    names = [line for line in lines if line.strip() and not line.startswith(";")]
    return {line.split()[0].strip('"'): " DATA" if " DATA" in line else "" for line in names}


def _definition(path: Path, library: str, forwards: list[str]) -> Path:
    path.write_text("\n  ".join([f"LIBRARY {library}\nEXPORTS", *forwards]) + "\n")
    return path


def _gcc(source: Path, text: str, *options: str | Path) -> None:
    source.write_text(text)
    named = [str(option) for option in options]
    libraries = [name for name in named if name.startswith("-l") or name.endswith(".a")]
    others = [name for name in named if name not in libraries]
    subprocess.run([f"{CROSS}-gcc", *others, source, *libraries], check=True)
