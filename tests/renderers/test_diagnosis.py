"""Programs that fail as renderers do, in real ways: each is told in one true sentence with its remedy.

One file over 300 lines: each program that fails is written beside the sentence that tells it.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from system.machine import is_root
from tasks.renderers.diagnosis.libraries import DEBIAN
from tasks.renderers.diagnosis.patterns import CERTAIN, LIKELY
from tasks.renderers.trial import Trial
from tests.renderers.breaking import alone, compiled, cut_off, for_another_machine, script

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY = "65534"
MAIN = "int main(void) { return 0; }"
USES = "int f(void); int main(void) { return f(); }"
HELD = """
    import sys
    from tasks.renderers.trial import Trial
    verdict = Trial(what="It", command=sys.argv[1:], remedy="Install it again.", hang_timeout_s=5).run()
    print(verdict.reason, verdict.remedy)
    """


def told(*command: object, **options: object) -> str:
    """What is said of a program that fails."""
    trial = Trial(what="It", command=[str(part) for part in command], remedy="Install it again.", **options)  # type: ignore[arg-type]
    verdict = trial.run()
    assert not verdict.ok
    assert verdict.remedy
    return f"{verdict.reason} {verdict.remedy}"


@pytest.fixture
def needs_cc() -> None:
    if not shutil.which("cc"):
        pytest.skip("there is no C compiler")


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that any user gets to."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def as_nobody(*command: object, **environment: str) -> str:
    """What is said where the user has no rights."""
    if not is_root():
        pytest.skip("only root can be another user")
    wrapper = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    return alone(HELD, *command, wrapper=wrapper, **environment)


def mounted(options: str, folder: Path, *command: object, **environment: str) -> str:
    """What is said where a small drive is mounted on a folder, in a namespace of its own."""
    if not is_root() or not shutil.which("unshare"):
        pytest.skip("only root can mount a drive")
    copy = f'for file in {folder}.files/*; do cp -p "$file" {folder}; done'
    mount = f'mount -t tmpfs -o {options} tmpfs {folder} && {copy}; exec "$@"'
    Path(f"{folder}.files").mkdir(exist_ok=True)
    return alone(HELD, *command, wrapper=("unshare", "-m", "sh", "-c", mount, "sh"), **environment)


@pytest.mark.usefixtures("needs_cc")
@pytest.mark.parametrize("packaged", [True, False])
def test_a_library_is_missing(packaged: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = "libown.so.1"
    if packaged:
        monkeypatch.setitem(DEBIAN, library, "libown1")
    path = compiled(tmp_path / library, "int f(void) { return 0; }", "-shared", f"-Wl,-soname,{library}")
    program = compiled(tmp_path / "render", USES, path, f"-Wl,-rpath,{tmp_path}")
    path.unlink()
    sentence = told(program)
    assert f"It doesn't work: the library {library} is missing." in sentence
    assert ("apt-get install libown1)" if packaged else "Install it again.") in sentence


@pytest.mark.usefixtures("needs_cc")
def test_a_library_is_missing_and_the_program_is_silent_about_it(tmp_path: Path) -> None:
    library = "libown.so.1"
    path = compiled(tmp_path / library, "int f(void) { return 0; }", "-shared", f"-Wl,-soname,{library}")
    program = compiled(tmp_path / "render", USES, path)
    path.unlink()
    start = script(tmp_path / "start", f"{program} 2>/dev/null || {{ echo 'Render failed with status 7'; exit 7; }}")
    assert f"It doesn't work: the library {library} is missing." in told(start, parts=(program,))


@pytest.mark.usefixtures("needs_cc")
def test_a_library_is_an_older_one(tmp_path: Path) -> None:
    versions = tmp_path / "versions"
    versions.write_text("GLIBC_9.99 { f; };")
    path = tmp_path / "libm9.so"
    source = "int f(void) { return 0; }"
    compiled(path, source, "-shared", "-Wl,-soname,libm9.so", f"-Wl,--version-script={versions}")
    program = compiled(tmp_path / "render", USES, path, f"-Wl,-rpath,{tmp_path}")
    versions.write_text("GLIBC_2.1 { f; };")
    compiled(path, source, "-shared", "-Wl,-soname,libm9.so", f"-Wl,--version-script={versions}")
    assert "It doesn't work: it was built for a newer system: it needs GLIBC_9.99." in told(program)


@pytest.mark.usefixtures("needs_cc")
def test_a_library_is_of_another_version_than_its_program(tmp_path: Path) -> None:
    path = compiled(tmp_path / "libown.so", "int f(void) { return 0; }", "-shared", "-Wl,-soname,libown.so")
    program = compiled(tmp_path / "render", USES, path, f"-Wl,-rpath,{tmp_path}", "-Wl,-z,now")
    compiled(path, "int g(void) { return 0; }", "-shared", "-Wl,-soname,libown.so")
    assert "doesn't fit the libraries beside it: it lacks f." in told(program)


@pytest.mark.usefixtures("needs_cc")
def test_a_program_is_for_another_machine(tmp_path: Path) -> None:
    program = compiled(tmp_path / "render", MAIN)
    for_another_machine(program)
    assert "It can't be started: render was built for aarch64, and this machine is " in told(program)


@pytest.mark.usefixtures("needs_cc")
def test_a_program_is_cut_off(tmp_path: Path) -> None:
    program = compiled(tmp_path / "render", MAIN)
    cut_off(program)
    assert "render is cut off: " in told(program)


@pytest.mark.usefixtures("needs_cc")
def test_a_program_is_for_another_system(tmp_path: Path) -> None:
    program = compiled(tmp_path / "render", MAIN, "-Wl,--dynamic-linker=/lib/ld-other.so.1")
    assert "render needs the loader /lib/ld-other.so.1, which this system doesn't have." in told(program)


@pytest.mark.usefixtures("needs_cc")
def test_a_processor_is_too_old(tmp_path: Path) -> None:
    program = compiled(tmp_path / "render", "int main(void) { __builtin_trap(); }")
    assert "It doesn't work: the processor is too old (" in told(program)
    assert "the processor is too old" in told(script(tmp_path / "start", f"{program}; exit $?"))


def test_there_is_no_program() -> None:
    assert told("/opt/none/render") == "It can't be started: there is no program /opt/none/render. Install it again."


def test_what_runs_a_script_is_missing(tmp_path: Path) -> None:
    program = script(tmp_path / "render", "")
    program.write_text("#!/opt/python2/bin/python\n")
    assert "render is to be run by /opt/python2/bin/python, which is missing." in told(program)


def test_a_file_is_no_program(tmp_path: Path) -> None:
    (tmp_path / "render").write_text("<html>Not found</html>")
    (tmp_path / "render").chmod(0o755)
    assert "It can't be started: render isn't a program for this system." in told(tmp_path / "render")


def test_a_program_may_not_be_run(tmp_path: Path) -> None:
    (tmp_path / "render").write_text("#!/bin/sh\n")
    (tmp_path / "render").chmod(0o644)
    sentence = told(tmp_path / "render")
    assert "isn't marked as a program" in sentence
    assert f"chmod a+rx {tmp_path / 'render'}" in sentence


def test_a_folder_is_closed() -> None:
    with open_folder() as folder:
        program = script(folder / "render", "")
        folder.chmod(0o700)
        assert f"It can't be started: the folder {folder} is closed to nobody." in as_nobody(program)


def test_a_drive_runs_no_programs() -> None:
    with open_folder() as folder:
        (folder / "opt").mkdir()
        (folder / "opt.files").mkdir()
        script(folder / "opt.files" / "render", "")
        sentence = mounted("noexec,size=1m", folder / "opt", folder / "opt" / "render")
        assert "is on a drive from which nothing may be run (mounted noexec)." in sentence
        assert "Mount it without noexec" in sentence


def test_the_temporary_folder_is_full() -> None:
    with open_folder() as folder:
        (folder / "tmp").mkdir()
        program = script(folder / "render", 'head -c 2000000 /dev/zero > "$TMPDIR/tile" || exit 1')
        sentence = mounted("size=1m", folder / "tmp", program, TMPDIR=str(folder / "tmp"))
        assert f"It doesn't work: the disk is full: the temporary folder {folder / 'tmp'} is full." in sentence


def test_the_temporary_folder_cannot_be_written() -> None:
    with open_folder() as folder:
        (folder / "tmp").mkdir(mode=0o555)
        program = script(folder / "render", 'echo x > "$TMPDIR/tile" || exit 1')
        sentence = as_nobody(program, TMPDIR=str(folder / "tmp"))
        assert f"the temporary folder {folder / 'tmp'} can't be written by nobody." in sentence
        assert "TMPDIR" in sentence


def test_the_home_folder_cannot_be_written_and_the_program_does_not_say_so() -> None:
    with open_folder() as folder:
        (folder / "home").mkdir(mode=0o555)
        program = script(
            folder / "render", 'mkdir "$HOME/.renderer" 2>/dev/null || { echo Internal error 12; exit 1; }'
        )
        sentence = as_nobody(program, HOME=str(folder / "home"))
        assert f"the home folder {folder / 'home'} can't be written by nobody." in sentence


def test_a_folder_that_is_named_cannot_be_written() -> None:
    with open_folder() as folder:
        (folder / "licences").mkdir(mode=0o555)
        program = script(folder / "render", f"echo \"[Errno 13] Permission denied: '{folder}/licences/lock'\"; exit 1")
        sentence = as_nobody(program, HOME="/nonexistent/home")
        assert f"It doesn't work: {folder}/licences/lock can't be written by nobody." in sentence
        assert f"Give nobody write access to {folder}/licences." in sentence


def test_a_licence_is_the_cause_though_a_log_could_not_be_written_either(tmp_path: Path) -> None:
    words = f"warning: {tmp_path}/a.log: Permission denied\nerror: Could not obtain a license (-88)."
    assert "it got no licence (error -88)" in told(script(tmp_path / "vray", f"echo '{words}'; exit 1"))


def test_a_drive_is_read_only() -> None:
    with open_folder() as folder:
        (folder / "data").mkdir()
        program = script(folder / "render", f"echo x > {folder / 'data'}/tile || exit 1")
        assert "it writes where the drive is read-only" in mounted("ro,size=1m", folder / "data", program)


def test_memory_is_limited(tmp_path: Path) -> None:
    program = script(tmp_path / "render", f"ulimit -v 400000; exec {sys.executable} -c 'x = bytearray(1 << 30)'")
    sentence = told(program)
    assert "It doesn't work: memory ran out." in sentence
    assert "ulimit -v" in sentence


def test_the_system_ends_it(tmp_path: Path) -> None:
    assert "as it does when memory runs out" in told(script(tmp_path / "render", "kill -9 $$"))


def test_it_crashes(tmp_path: Path) -> None:
    sentence = told(script(tmp_path / "render", "echo 'error: mesh is empty'; kill -SEGV $$"))
    assert "It doesn't work: it crashes (SIGSEGV): error: mesh is empty." in sentence


def test_it_waits_for_a_person(tmp_path: Path) -> None:
    sentence = told(script(tmp_path / "render", "sleep 100"), hang_timeout_s=2)
    assert "it waits and does nothing, as a program does that shows a window" in sentence


def test_it_waits_for_a_licence_and_said_so(tmp_path: Path) -> None:
    program = script(tmp_path / "vray", "echo '[error] Could not obtain a license (-88).'; sleep 100")
    assert "It doesn't work: it got no licence (error -88)." in told(program, hang_timeout_s=2)


def test_it_takes_too_long_and_nothing_of_it_is_left(tmp_path: Path) -> None:
    program = script(tmp_path / "render", f"(while :; do :; done) & echo $! > {tmp_path / 'pid'}; wait")
    assert "it didn't render a small scene in " in told(program, timeout_s=1)
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}/exe").exists()


WORDS = [
    ("[2024/01/02|10:00:00] error: Could not obtain a license (-88)", "it got no licence (error -88)"),
    ("FLEXnet Licensing error:-15,570. System Error: 115", "the licence server doesn't answer"),
    ("FlexLM error: -88,309", "this machine's clock was set back, which voids its licence"),
    ("Your license has expired.", "its licence has expired"),
    ("All licenses are in use", "all licences are in use"),
    ("Failed to connect to the license server at 10.0.0.5:30304", "the licence server doesn't answer"),
    ("ERR: could not read rayrc file", "it was never run once by "),
    ("ADP failed to start", "it was never run once by "),
    ("Please accept the End User License Agreement first: EULA", "it was never run once by "),
    ("Unable to open a display", "it wants a screen, and there is none"),
    ("qt.qpa.xcb: could not connect to display", "it wants a screen, and there is none"),
    ("ImportError: libGL.so.1: cannot open shared object file: No such file or directory", "the library libGL.so.1 is"),
    ("/x/libtbb.so.2: file too short", "the library /x/libtbb.so.2 is damaged"),
    ("./b: /lib/libstdc++.so.6: version `GLIBCXX_3.4.32' not found", "the C++ library libstdc++ is too old"),
    ("Version mismatch: module was compiled for Python 3.10, but the interpreter version is incompatible: 3.11.2",
     "it was built for Python 3.10, and this is Python 3.11.2"),
    ("This program needs a CPU with AVX2 support", "the processor is too old"),
    ("terminate called after throwing an instance of 'std::bad_alloc'", "memory ran out"),
    ("CUDA error: no CUDA-capable device is detected", "there is no graphics card it can use"),
    ("OSError: [Errno 24] Too many open files", "too many files are open"),
    ("cat: /etc/vray.cfg: Permission denied", " may not use /etc/vray.cfg"),
    ("Disk quota exceeded", "the disk quota of "),
    ("ModuleNotFoundError: No module named 'bpy'", "the Python package bpy is missing"),
    ('jit_find_library(): Unable to load "/x/libLLVM.so": /x/libLLVM.so: cannot open shared object file: No such',
     "there is no library /x/libLLVM.so"),
    ("jit_llvm_init(): the located LLVM version (14) is too old.", "LLVM 14 is too old"),
    ("sh: 1: povray: not found", "the program povray is missing"),
    ("Unknown option: --cycles-device", "it doesn't know the option --cycles-device: its version is another one"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "truth"), WORDS, ids=[words[:40] for words, _ in WORDS])
def test_words_mean_what_they_mean(words: str, truth: str, tmp_path: Path) -> None:
    (tmp_path / "words").write_text(f"Loading the scene.\n{words}\nRender finished with 1 error.\n")
    assert re.search(
        rf"It doesn't work: .*{re.escape(truth)}",
        told(script(tmp_path / "render", f"cat {tmp_path / 'words'}; exit 1")),
    )


def test_what_is_known_by_no_pattern_is_quoted(tmp_path: Path) -> None:
    program = script(tmp_path / "render", "echo 'Loading.'; echo 'Parse error: unexpected }'; exit 3")
    assert told(program) == "It doesn't work: Parse error: unexpected }. Install it again."


def test_every_pattern_is_met_by_its_words_and_none_by_ordinary_ones() -> None:
    ordinary = (
        "Rendering frame 12 of 40 with 8 threads\nlicense: obtained\nSaved /tmp/display_error.exr\nMemory: 120 MB"
    )
    assert not [pattern.regex for pattern in (*CERTAIN, *LIKELY) if pattern.finding(ordinary)]
