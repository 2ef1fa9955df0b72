"""An installation of Mitsuba that is broken says so in one true sentence, and its node renders nothing with it."""

from __future__ import annotations

import importlib.metadata
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from tasks.errors import NodeNotReady
from tasks.renderers import RENDERERS
from tasks.renderers.mitsuba import builds
from tasks.renderers.trial import Trial
from tests.renderers.breaking import copied, cut_off, for_another_machine, rewritten

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Break = Callable[[Path], object]

TAG = f"cpython-{sys.version_info.major}{sys.version_info.minor}"
VERSION = importlib.metadata.version("mitsuba")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(builds, "llvm_libraries", list)
    for kept in (builds.check_builds, builds._version):
        kept.cache_clear()


def told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a node says whose installation this is."""
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.syspath_prepend(folder)
    with pytest.raises(NodeNotReady) as error:
        RENDERERS["mitsuba"].builds()
    return str(error.value).removeprefix("No LLVM library was found. ")


def remove(name: str) -> Break:
    return lambda folder: (folder / name).unlink()


def exchange_plugin(folder: Path) -> None:
    """Glass turns into metal: it renders, but not what the scene says."""
    plugins = folder / "mitsuba" / "plugins"
    rewritten(plugins / "dielectric.so", (plugins / "conductor.so").read_bytes())


def other_version(folder: Path) -> None:
    notes = folder / f"mitsuba-{VERSION}.dist-info" / "METADATA"
    rewritten(notes, notes.read_bytes().replace(f"Version: {VERSION}".encode(), b"Version: 3.5.2"))


def other_drjit(folder: Path) -> None:
    config, version = folder / "mitsuba" / "config.py", importlib.metadata.version("drjit")
    rewritten(config, config.read_bytes().replace(version.encode(), b"1.4.9"))


def other_python(folder: Path) -> None:
    for module in (folder / "mitsuba").glob(f"mitsuba_ext.{TAG}-*.so"):
        module.rename(module.with_name(module.name.replace(TAG, "cpython-39")))


def only_folder(name: str) -> Break:
    return lambda folder: shutil.rmtree(folder / name)


NOTED: list[tuple[str, Break, str]] = [
    ("a library is gone", remove("mitsuba/libembree3.so"), "the file libembree3.so of mitsuba is missing"),
    ("a library of its compiler is gone", remove("drjit/libdrjit-core.so"),
     "the file libdrjit-core.so of drjit is missing"),
    ("a library is cut off", lambda at: cut_off(at / "mitsuba/libmitsuba.so"),
     "the file libmitsuba.so of mitsuba was exchanged or cut off"),
    ("a plugin is gone", remove("mitsuba/plugins/sphere.so"), "the file sphere.so of mitsuba is missing"),
    ("a plugin is another one", exchange_plugin, "the file dielectric.so of mitsuba was exchanged or cut off"),
    ("its data are gone", only_folder("mitsuba/data"), "the file "),
    ("its version is another one", other_version,
     f"mitsuba 3.5.2 is installed, and this Frontburner needs {VERSION}"),
    ("its compiler's version is another one", other_drjit, "its drjit has the wrong version: it needs 1.4.9"),
]  # fmt: skip

UNNOTED: list[tuple[str, Break, str]] = [
    ("a library is gone", remove("mitsuba/libembree3.so"), "the library libembree3.so is missing"),
    ("a library of its compiler is gone", remove("drjit/libdrjit-core.so"), "the library libdrjit-core.so is missing"),
    ("a library is cut off", lambda at: cut_off(at / "mitsuba/libmitsuba.so"), "libmitsuba.so is cut off: "),
    ("a library is for another machine", lambda at: for_another_machine(at / "mitsuba/libmitsuba.so"),
     "libmitsuba.so was built for aarch64, and this machine is "),
    ("it is for another Python", other_python, "was built for Python 3.9, and this is Python "),
    ("a plugin is gone", remove("mitsuba/plugins/sphere.so"), "its plugin sphere is missing"),
    ("a plugin is another one", exchange_plugin, "its picture is wrong: is "),
    ("a variant is gone", lambda at: next((at / "mitsuba").glob("scalar_rgb.*.so")).unlink(),
     "the Python package mitsuba.scalar_rgb is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("break_", "truth"), [case[1:] for case in NOTED], ids=[case[0] for case in NOTED])
def test_an_installation_that_isnt_what_was_installed(
    break_: Break, truth: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copied(tmp_path / "site", noted=True)
    break_(folder)
    sentence = told(folder, monkeypatch)
    assert truth in sentence
    assert "Install " in sentence, "the remedy"


@pytest.mark.parametrize(("break_", "truth"), [case[1:] for case in UNNOTED], ids=[case[0] for case in UNNOTED])
def test_an_installation_of_which_nobody_noted_what_belongs_to_it(
    break_: Break, truth: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copied(tmp_path / "site", noted=False)
    break_(folder)
    sentence = told(folder, monkeypatch)
    assert truth in sentence
    assert "Install " in sentence, "the remedy"


def test_an_installation_that_is_whole_renders_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = copied(tmp_path / "site", noted=True)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.syspath_prepend(folder)
    assert RENDERERS["mitsuba"].builds() == (f"{VERSION} scalar_rgb",)


def test_what_may_be_over_by_itself_is_tried_again_the_next_time(tmp_path: Path) -> None:
    room = tmp_path / "room"
    trial = Trial(what="It", command=("sh", "-c", f"[ -e {room} ] || {{ echo 'MemoryError'; exit 1; }}"), remedy="")
    assert trial.verdict().reason == "It doesn't work: memory ran out."
    room.touch()
    assert trial.verdict().ok
