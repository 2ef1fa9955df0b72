"""A machine that is checked says what it has, and what is really wrong with it says so itself."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from distributed import Client, LocalCluster

from storage.objects import open_store
from system.machine import is_root
from tasks.errors import NodeNotReady
from tasks.node import node_state
from tasks.node.machine_checks import machine_checks
from tasks.node.node_checks import CheckRequest, check_machine, check_scene, check_store
from tasks.node.node_state import check_node, local_builds
from tasks.node.readiness import Check, Grade, Readiness, readiness_from
from tasks.node.versions import differences, versions
from tests.end_to_end.conftest import TIMEOUT_S
from tests.renderers.breaking import ROOT, alone, copied, rewritten

if TYPE_CHECKING:
    from collections.abc import Iterator

SEEN = """
    import sys
    from pathlib import Path
    from tasks.node.machine_checks import machine_checks
    for check in machine_checks(threads=1, logs=Path(sys.argv[1])):
        if not check.ok:
            print(f"{check.name}: {check.reason} {check.remedy}")
    """
NULL = ("null",)


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that any user gets to."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def root() -> None:
    if not is_root() or not shutil.which("setpriv") or not shutil.which("unshare"):
        pytest.skip("only root can be another user and mount drives")


def found(checks: list[Check], name: str) -> Check:
    return next(check for check in checks if check.name == name)


def test_a_machine_that_is_well_has_no_problem(tmp_path: Path) -> None:
    checks = machine_checks(threads=1, logs=tmp_path / "logs")
    assert [check for check in checks if not check.ok] == []
    assert " of " in found(checks, "cores").value
    assert found(checks, "log folder").value.startswith(f"{tmp_path / 'logs'}, ")


def test_more_threads_than_cores_are_noted(tmp_path: Path) -> None:
    check = found(machine_checks(threads=1000, logs=tmp_path), "cores")
    assert check.grade is Grade.NOTE
    assert "1000 threads" in check.reason


@pytest.mark.usefixtures("root")
def test_folders_that_cannot_be_written_are_told_each() -> None:
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    with open_folder() as folder:
        for name in ("home", "tmp", "logs"):
            (folder / name).mkdir(mode=0o555)
        places = {"HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"), "XDG_CACHE_HOME": str(folder / "home")}
        told = alone(SEEN, folder / "logs", wrapper=nobody, **places).splitlines()
    expected = [
        ("temporary folder", "tmp", ", or name another one in TMPDIR"),
        ("home folder", "home", ", or name another one in HOME"),
        ("cache folder", "home/frontburner", ", or name another one in XDG_CACHE_HOME"),
        ("log folder", "logs", ""),
    ]
    assert told == [
        f"{name}: The {name} {folder}/{place} can't be written by nobody. Give nobody write access to it{remedy}."
        for name, place, remedy in expected
    ]


@pytest.mark.usefixtures("root")
def test_a_drive_without_room_is_told() -> None:
    with open_folder() as folder:
        mount = ("unshare", "-m", "sh", "-c", f'mount -t tmpfs -o size=1m tmpfs {folder}; exec "$@"', "sh")
        told = alone(SEEN, folder, wrapper=mount, TMPDIR=str(folder))
    assert f"temporary folder: The disk is full: the temporary folder {folder} has " in told


@pytest.mark.usefixtures("root")
def test_a_drive_that_is_read_only_is_told() -> None:
    with open_folder() as folder:
        mount = ("unshare", "-m", "sh", "-c", f'mount -t tmpfs -o ro tmpfs {folder}; exec "$@"', "sh")
        told = alone(SEEN, folder, wrapper=mount)
    assert told.startswith(f"log folder: The log folder {folder} is on a drive that is read-only. Mount it writable")


def test_a_limit_on_memory_is_told(tmp_path: Path) -> None:
    limited = ("sh", "-c", 'ulimit -v 250000; exec "$@"', "sh")
    told = alone(SEEN, tmp_path, wrapper=limited, OPENBLAS_NUM_THREADS="1")
    assert told.startswith("memory: Only ")
    assert "raise the limit" in told


def test_the_null_renderer_passes_and_nothing_else_is_tried(tmp_path: Path) -> None:
    readiness = check_machine(CheckRequest(renderers=NULL), node="n", threads=1, logs=tmp_path)
    assert readiness.builds == {"null": ("1 null",)}
    assert readiness.ok
    assert readiness.of("mitsuba") is None
    assert readiness_from(json.loads(json.dumps(readiness.document()))) == readiness


def test_where_nothing_can_be_written_that_is_the_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))
    readiness = check_machine(CheckRequest(renderers=NULL), node="n", threads=1, logs=tmp_path / "file" / "logs")
    assert [(check.name, check.reason) for check in readiness.problems] == [
        ("temporary folder", f"The temporary folder {tmp_path / 'file'} isn't a folder."),
        ("log folder", f"The log folder {tmp_path / 'file' / 'logs'} isn't a folder."),
        ("null", "It wasn't tried: no folder can be written."),
    ]


def test_a_store_is_used_and_nothing_is_left_in_it(tmp_path: Path) -> None:
    check = check_store(str(tmp_path / "store"))
    assert check.ok
    assert "written and read back" in check.value
    assert list(open_store(str(tmp_path / "store")).list()) == []


def test_a_store_that_is_another_one_of_the_same_name_is_told(tmp_path: Path) -> None:
    check = check_store(str(tmp_path / "store"), beacon="_frontburner/check/abc")
    assert not check.ok
    assert "isn't the job's store" in check.reason
    assert "Mount the same drive" in check.remedy


def test_a_store_that_is_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "store").touch()
    check = check_store(str(tmp_path / "store"))
    assert "There is a file where" in check.reason


def test_a_scene_is_read_and_its_digest_told(tmp_path: Path) -> None:
    scene = tmp_path / "scene.json"
    scene.write_text("{}")
    check, digest = check_scene(str(scene), {"null": ("1 null",)})
    assert check.ok
    assert check.value == f"1 file, {digest[:8]}"
    scene.write_text('{"samples": 4}')
    assert check_scene(str(scene), {"null": ("1 null",)})[1] not in ("", digest)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("gone.json", None, "isn't there: of its path this machine has only "),
        ("scene.json", "{nonsense", "scene.json"),
        ("scene.doc", "", "No renderer reads files like scene.doc."),
    ],
)
def test_a_scene_that_cannot_be_read_is_told(name: str, text: str | None, reason: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    check, digest = check_scene(str(tmp_path / name), {"null": ("1 null",)})
    assert (check.ok, digest) == (False, "")
    assert reason in check.reason
    assert check.remedy


def test_versions_that_differ_are_named() -> None:
    here = versions()
    assert here["frontburner"].startswith("0.1.0 ")
    assert differences(here, {**here, "mitsuba": "3.5.2", "other": "1"}) == [
        f"mitsuba 3.5.2 instead of {here['mitsuba']}"
    ]


def test_a_renderer_that_is_not_there_is_no_failure() -> None:
    absent = Check(name="vray", grade=Grade.ABSENT, reason="V-Ray isn't installed.")
    assert Readiness(node="n", host="h", checks=(absent,)).ok


def test_a_node_offers_what_passed_the_last_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = copied(tmp_path / "site", noted=True)
    monkeypatch.setenv("PYTHONPATH", f"{site}{os.pathsep}{ROOT}")
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("FRONTBURNER_LOGS", str(tmp_path / "logs"))
    monkeypatch.setenv("DRJIT_LIBLLVM_PATH", "/nowhere/libLLVM.so")  # the scalar build will do
    monkeypatch.setattr(node_state, "_node", None)
    monkeypatch.setattr(node_state, "_builds", {})
    plugin = site / "mitsuba" / "plugins" / "sphere.so"
    sound, inquiry = plugin.read_bytes(), CheckRequest(renderers=("mitsuba",), measure=False)
    one_node = LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address="127.0.0.1:0")
    with one_node as cluster, Client(cluster) as client:

        def asked() -> Readiness:
            return readiness_from(client.submit(check_node, inquiry, pure=False).result(TIMEOUT_S))

        first = asked()
        assert first.builds["mitsuba"] == client.submit(local_builds, "mitsuba", pure=False).result(TIMEOUT_S)
        assert "there is no library /nowhere/libLLVM.so" in (first.of("mitsuba") or first.checks[0]).reason
        client.submit(node_state.in_renderer, os.getpid, pure=False).result(TIMEOUT_S)
        rewritten(plugin, sound[:1000])
        (problem,) = asked().problems
        assert "the file sphere.so of mitsuba was exchanged or cut off: 1000 bytes instead of" in problem.reason
        with pytest.raises(NodeNotReady, match=r"the file sphere\.so of mitsuba was exchanged"):
            client.submit(local_builds, "mitsuba", pure=False).result(TIMEOUT_S)
        rewritten(plugin, sound)
        assert asked().builds == first.builds
        assert client.submit(local_builds, "mitsuba", pure=False).result(TIMEOUT_S) == first.builds["mitsuba"]
        node_state.this_node().process.stop()


def test_the_speed_of_a_node_that_renders_is_not_measured_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("DRJIT_LIBLLVM_PATH", "/nowhere/libLLVM.so")
    inquiry = CheckRequest(renderers=("mitsuba",), afresh=False)
    readiness = check_machine(inquiry, node="n", threads=1, logs=tmp_path, busy=True)
    check = found(list(readiness.checks), "mitsuba")
    assert check.ok, check.reason
    assert "speed not measured, as the node renders" in check.value
    assert "scalar_rgb" in check.value
