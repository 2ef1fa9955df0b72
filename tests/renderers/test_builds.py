"""Finding builds: each is really tried, a bad library is told from a good one, and verdicts are kept."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.errors import NodeNotReady
from tasks.renderers import RENDERERS, isa
from tasks.renderers.mitsuba import builds, llvm_libraries
from tasks.renderers.trial import Trial


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    builds.check_builds.cache_clear()


@pytest.fixture
def bad_library(tmp_path: Path) -> Path:
    aborting = Path("/usr/lib/x86_64-linux-gnu/libLLVM-15.so.1")
    if aborting.exists():
        return aborting
    bogus = tmp_path / "libLLVM-99.so"
    bogus.write_bytes(b"not a library")
    return bogus


def test_a_bad_llvm_is_reported_and_rendering_goes_on(bad_library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builds, "llvm_libraries", lambda: [bad_library])
    good, bad = builds.check_builds()
    assert (good.variant, good.ok) == ("scalar_rgb", True)
    assert not bad.ok
    assert bad.reason.startswith(bad_library.name)
    assert "libllvm19" in bad.remedy
    assert RENDERERS["mitsuba"].builds() == (good.build,)

    def tried_again(*_: object) -> None:
        pytest.fail("a verdict was forgotten")

    builds.check_builds.cache_clear()
    monkeypatch.setattr(Trial, "run", tried_again)
    assert builds.check_builds() == (good, bad)


def test_no_build_at_all_is_an_error_with_every_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(variant: str, library: str) -> builds.BuildCheck:
        return builds.BuildCheck(build=f"3 {variant}", library=library, ok=False, reason="It broke.", remedy="Mend it.")

    monkeypatch.setattr(builds, "llvm_libraries", list)
    monkeypatch.setattr(builds, "check_build", fails)
    with pytest.raises(NodeNotReady, match=r"No LLVM library was found\. It broke\. Mend it\."):
        RENDERERS["mitsuba"].builds()


def test_a_machine_without_mitsuba_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    builds._version.cache_clear()
    monkeypatch.setattr("importlib.metadata.version", missing)
    with pytest.raises(NodeNotReady, match="Mitsuba isn't installed") as raised:
        RENDERERS["mitsuba"].builds()
    assert raised.value.absent
    assert "frontburner[mitsuba]" in raised.value.remedy


def test_a_named_library_is_the_only_one_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRJIT_LIBLLVM_PATH", "/opt/libLLVM.so")
    assert llvm_libraries.llvm_libraries() == [Path("/opt/libLLVM.so")]


def test_versions_sort_newest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DRJIT_LIBLLVM_PATH", raising=False)
    versions = [llvm_libraries._llvm_version(path) for path in llvm_libraries.llvm_libraries()]
    assert versions == sorted(versions, reverse=True)
    assert llvm_libraries._llvm_version(Path("libLLVM.so.19.1")) > llvm_libraries._llvm_version(Path("libLLVM-15.so.1"))


def test_the_instruction_set_is_named() -> None:
    assert isa().split()


def test_importing_the_table_loads_no_renderer() -> None:
    code = "import sys, tasks.renderers; sys.exit('mitsuba' in sys.modules or 'drjit' in sys.modules)"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
