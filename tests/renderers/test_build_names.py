"""A build's name says for which platform it is; on Linux x86-64 it is what it was before there were others."""

from __future__ import annotations

from pathlib import Path

import pytest

from system.machine import platform_name
from tasks.renderers import build_names, renderer
from tasks.renderers.blender.builds import device_of, version_of
from tasks.renderers.build_names import build_here, fits, full_name, is_build, platform_of, program_of, used_here
from tasks.renderers.mitsuba.builds import variant_of
from tasks.renderers.vray.adapter import build_of
from tasks.renderers.vray.program import FLAGS

SCALAR = "3.9.1 scalar_rgb"
WINDOWS = f"{SCALAR} windows-x86_64"


def on(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be on another system."""
    monkeypatch.setattr(build_names, "_here", lambda: platform)


def test_this_platform_is_named_by_system_and_architecture() -> None:
    system, machine = platform_name().split("-")
    assert system in ("linux", "windows", "macos")
    assert machine in ("x86_64", "arm64")


def test_a_build_for_linux_has_the_name_it_always_had(monkeypatch: pytest.MonkeyPatch) -> None:
    on("linux-x86_64", monkeypatch)
    assert build_here(SCALAR) == SCALAR
    assert (program_of(SCALAR), platform_of(SCALAR)) == (SCALAR, "linux-x86_64")
    assert full_name(SCALAR) == f"{SCALAR} linux-x86_64"


@pytest.mark.parametrize("platform", ["windows-x86_64", "macos-arm64", "linux-arm64"])
def test_builds_for_others_say_so(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    on(platform, monkeypatch)
    build = build_here(SCALAR)
    assert build == f"{SCALAR} {platform}"
    assert (program_of(build), platform_of(build), full_name(build)) == (SCALAR, platform, build)


def test_a_frame_for_any_platform_is_rendered_by_what_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = f"{SCALAR} any"
    assert is_build(SCALAR, wanted)
    assert is_build(WINDOWS, wanted)
    assert not is_build("3.9.1 llvm_ad_rgb", wanted)
    assert not is_build(WINDOWS, SCALAR)
    assert used_here(wanted) == build_here(SCALAR)
    on("windows-x86_64", monkeypatch)
    assert used_here(wanted) == WINDOWS
    assert used_here(SCALAR) == SCALAR


def test_words_of_a_name_may_be_shortened() -> None:
    assert fits(WINDOWS, "win")
    assert fits(WINDOWS, "3.9 scalar Windows")
    assert fits(SCALAR, "linux")
    assert not fits(WINDOWS, "linux")
    assert not fits(SCALAR, "rgb")


@pytest.mark.parametrize("platform", ["", " windows-x86_64", " macos-arm64", " any"])
def test_adapters_read_names_with_and_without_platform(platform: str) -> None:
    assert variant_of(f"{SCALAR}{platform}") == "scalar_rgb"
    assert (version_of(f"5.0.1 optix{platform}"), device_of(f"5.0.1 optix{platform}")) == ((5, 0, 1), "OPTIX")
    for name, build in (("mitsuba", "3.9.1 llvm_ad_rgb"), ("blender", "4.2.0 cpu"), ("vray", "6.2 regions vray")):
        assert renderer(name).capabilities(f"{build}{platform}") == renderer(name).capabilities(build)


def test_programs_are_named_with_their_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    on("windows-x86_64", monkeypatch)
    flags = FLAGS.model_copy(update={"is_version": "6.20.00"})
    assert build_of(flags, Path("vray")) == "6.20.00 vray windows-x86_64"


def test_null_and_specimen_are_the_same_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    on("windows-x86_64", monkeypatch)
    assert (renderer("null").builds(), renderer("specimen").builds()) == (("1 null",), ("1 numpy",))
