"""What a Blender file says of its rendering makes the picture that Blender itself makes of it, or it is said."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.renderers.conftest import inspect
from tests.renderers.own_pictures import Files, files_of, laid_out, largest_difference, ours, values

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.renderers.conftest import Bench

HONOURED = [
    "plain", "saved_at_37", "no_active_camera", "more_layer_samples", "fewer_layer_samples", "bounded_layer_samples",
    "layer_samples_within_bounds", "ignored_layer_samples", "film_exposure", "transparent_glass", "shadow_catcher",
    "box_filter", "wide_filter", "clamp", "no_caustics", "sharp_gloss", "bounces", "fast_gi", "light_tree",
    "light_threshold", "direct_light", "sampling_pattern", "scrambling", "motion_blur", "rolling_shutter",
    "no_motion_blur_in_the_layer", "simplify", "pixel_aspect", "percentage", "odd_percentage", "no_sky_in_the_layer",
    "no_surfaces_in_the_layer", "material_override", "world_override", "holdout", "indirect_only", "excluded",
    "background_set", "set_of_the_same_name", "seen_by_a_light", "texture_limit",
    "depth_of_field", "marked_camera", "keyed_film", "light_group", "passes",
]  # fmt: skip
IN_OLD = [
    "plain",
    "set_of_the_same_name",
    "seen_by_a_light",
    "more_layer_samples",
    "bounded_layer_samples",
    "shadow_catcher",
    "motion_blur",
    "keyed_film",
]
"""Those that Blender 3.4 is held against too."""
SAID = {
    "keyed_samples": "Its number of samples is animated: all frames get 4, unless the job says how many.",
    "keyed_layer_samples": "Its number of samples is animated: all frames get 8, unless the job says how many.",
    "samples_in_strips": "Its number of samples is animated: all frames get 16, unless the job says how many.",
    "compositor": "Its compositor is left out: pictures are what Cycles renders.",
    "sequencer": "Its video sequencer is left out.",
    "time_limit": "Its time limit is left out: the job's time_limit counts.",
    "sample_range": "Its range of samples is left out: all samples are rendered.",
    "hdr": "Its display is Rec.2100-PQ: PNG files and previews are plain sRGB instead.",
    "stamp": "Its stamp isn't drawn into the pictures.",
    "border": "Its render region is ignored: the job's region counts.",
    "stereo": "Its stereo views are left out: one picture is rendered.",
    "freestyle": "Its Freestyle lines are left out.",
    "denoising": "Its own denoising isn't used; with --denoise finished pictures are denoised.",
    "guiding": "Path guiding is off: with it, regions would not fit together.",
    "adaptive": "Its adaptive sampling is replaced: unless samples are given, it ends at noise 5% or its last sample.",
    "jpeg": "Its pictures are written in the job's formats instead of JPEG (.jpg).",
    "black_and_white": "Its pictures are written in colour instead of black and white.",
}
NOT_DELIVERED = {
    "opaque_files": "Its PNG files keep their transparency, though it asks for none.",
    "light_group": "Its passes aren't in the EXR (light group Key): the job's aovs are depth, normal and albedo.",
    "passes": "Its passes aren't in the EXR (Cryptomatte Object, Mist, Volume Direct, AOV Dirt): the job's aovs are "
    "depth, normal and albedo.",
}


@pytest.fixture(scope="module")
def files(benches: Callable[[str], Bench], tmp_path_factory: pytest.TempPathFactory) -> Files:
    return files_of(benches, tmp_path_factory, "settings")


@pytest.mark.parametrize(
    ("kind", "name"), [*(("bpy", name) for name in HONOURED), *(("blender", name) for name in IN_OLD)]
)
def test_the_picture_is_blenders_own(files: Files, kind: str, name: str, tmp_path: Path) -> None:
    bench, folder = files(kind)
    ours(bench, folder / f"{name}.blend", tmp_path)
    # Passes are rendered one by one and added up, so that the last bit may differ.
    np.testing.assert_allclose(values(tmp_path / f"{name}.exr"), values(folder / f"{name}.exr"), rtol=1e-6)


@pytest.mark.parametrize("name", [*SAID, "keyed_seed", "animated_seed", "seed_in_strips", "keyed_layer"])
def test_what_is_left_out_is_said_and_the_rest_is_blenders_own(files: Files, name: str, tmp_path: Path) -> None:
    bench, folder = files("bpy")
    assert laid_out(bench, folder / f"{name}.blend").notes == ((SAID[name],) if name in SAID else ())
    ours(bench, folder / f"{name}.blend", tmp_path, samples=4)
    np.testing.assert_allclose(values(tmp_path / f"{name}.exr"), values(folder / "plain.exr"), rtol=1e-6)


def test_only_scenes_of_the_file_itself_are_offered(files: Files) -> None:
    bench, folder = files("bpy")
    assert laid_out(bench, folder / "set_of_the_same_name.blend").notes == ()


@pytest.mark.parametrize("name", NOT_DELIVERED)
def test_passes_and_files_that_are_not_delivered_are_named(files: Files, name: str) -> None:
    bench, folder = files("bpy")
    assert laid_out(bench, folder / f"{name}.blend").notes == (NOT_DELIVERED[name],)


@pytest.mark.parametrize("name", ["keyed_view", "view_in_strips"])
def test_an_animated_view_is_that_of_each_frame(files: Files, name: str, tmp_path: Path) -> None:
    bench, folder = files("bpy")
    ours(bench, folder / f"{name}.blend", tmp_path, frames="1")
    assert largest_difference(tmp_path / f"{name}.0001.png", folder / f"{name}.png") <= 1


@pytest.mark.parametrize("name", ["keyed_catcher", "driven_catcher", "keyed_volumes"])
def test_frames_are_whole_if_any_of_them_must_be(files: Files, name: str) -> None:
    bench, folder = files("bpy")
    info = inspect(bench.process, replace(bench.frame, scene=str(folder / f"{name}.blend"), frame=0))
    assert info.whole_frames_because


def test_all_frames_that_a_file_was_made_for_may_be_asked_for(files: Files) -> None:
    bench, folder = files("bpy")
    assert tuple(laid_out(bench, folder / "saved_at_37.blend", frames="scene").frames) == (1001, 1005, 1009)
    (note,) = laid_out(bench, folder / "saved_at_37.blend").notes
    assert note == "Its frame 37 is rendered, the current one, of 1001-1009x4: --frames scene renders them all."


def test_a_camera_that_is_chosen_for_want_of_an_active_one_is_named(files: Files) -> None:
    bench, folder = files("bpy")
    assert laid_out(bench, folder / "no_active_camera.blend").notes == (
        "It has no active camera: its first, A, is rendered.",
    )
