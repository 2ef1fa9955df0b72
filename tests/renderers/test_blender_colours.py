"""PNG and EXR files of Blender scenes are those that Blender itself writes, whatever its colour management says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.renderers.conftest import start
from tests.renderers.own_pictures import Files, attribute, files_of, laid_out, largest_difference, ours, values

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.renderers.conftest import Bench

EVERY = [
    "filmic", "standard", "raw", "log", "exposure", "gamma", "curves", "curves_extended", "curves_of_film", "levels",
    "transparent", "dither", "no_dither", "output_override",
]  # fmt: skip
NEW = [
    "agx", "agx_look", "khronos", "aces", "p3", "rec1886", "display_rec2020", "balance", "rec2020", "acescg",
]  # fmt: skip
SPACES = {"rec2020": "lin_rec2020_scene", "acescg": "lin_ap1_scene"}
CASES = [*(("bpy", name) for name in [*EVERY, *NEW]), *(("blender", name) for name in [*EVERY, "filmic_look"])]


@pytest.fixture(scope="module")
def files(benches: Callable[[str], Bench], tmp_path_factory: pytest.TempPathFactory) -> Files:
    return files_of(benches, tmp_path_factory, "colours")


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_a_picture_has_the_colours_that_blender_gives_it(files: Files, kind: str, name: str, tmp_path: Path) -> None:
    bench, folder = files(kind)
    ours(bench, folder / f"{name}.blend", tmp_path)
    assert np.array_equal(values(tmp_path / f"{name}.exr"), values(folder / f"{name}.exr"))
    assert largest_difference(tmp_path / f"{name}.png", folder / f"{name}.png") <= 1
    for tag in ("CICP", "ICCProfile:profile_description"):
        assert attribute(tmp_path / f"{name}.png", tag) == attribute(folder / f"{name}.png", tag)
    assert attribute(tmp_path / f"{name}.exr", "colorInteropID") == SPACES.get(name, "lin_rec709_scene")


@pytest.mark.parametrize("view", ["scene", "srgb"])
def test_a_view_that_the_job_chooses_starts_from_the_light_whatever_its_space(
    files: Files, view: str, tmp_path: Path
) -> None:
    bench, folder = files("bpy")
    ours(bench, folder / "acescg_standard.blend", tmp_path, view=view, formats="png")
    assert largest_difference(tmp_path / "acescg_standard.png", folder / "acescg_standard.png") <= 1


def test_another_configuration_of_the_machine_is_not_used_and_that_is_said(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, folder = files("bpy")
    monkeypatch.setenv("OCIO", "/gone/config.ocio")
    bench = start("bpy", tmp_path)
    try:
        assert any("OCIO isn't used" in note for note in laid_out(bench, folder / "filmic.blend").notes)
        ours(bench, folder / "filmic.blend", tmp_path)
    finally:
        bench.process.stop()
    assert largest_difference(tmp_path / "filmic.png", folder / "filmic.png") <= 1


def test_the_jobs_exposure_is_added_to_the_files(files: Files, tmp_path: Path) -> None:
    bench, folder = files("bpy")
    ours(bench, folder / "filmic.blend", tmp_path, exposure=1.5, formats="png")
    assert largest_difference(tmp_path / "filmic.png", folder / "exposure.png") <= 1


@pytest.mark.parametrize("name", ["agx", "transparent", "balance"])
def test_16_bits_are_blenders_too(files: Files, name: str, tmp_path: Path) -> None:
    bench, folder = files("bpy")
    ours(bench, folder / f"{name}.blend", tmp_path, png_bits=16, formats="png")
    assert largest_difference(tmp_path / f"{name}.png", folder / f"{name}.16.png") <= 2
