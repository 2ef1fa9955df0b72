"""What a Blender file says of its rendering makes the picture that Blender itself makes of it, or it is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.renderers.own_pictures import Files, files_of, laid_out, ours, values

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.renderers.conftest import Bench

HONOURED = [
    "saved_at_37", "no_active_camera",
    "more_layer_samples", "fewer_layer_samples", "bounded_layer_samples", "layer_samples_within_bounds",
    "ignored_layer_samples",
]  # fmt: skip


@pytest.fixture(scope="module")
def files(benches: Callable[[str], Bench], tmp_path_factory: pytest.TempPathFactory) -> Files:
    return files_of(benches, tmp_path_factory, "settings")


@pytest.mark.parametrize("kind", ["bpy", "blender"])
@pytest.mark.parametrize("name", HONOURED)
def test_the_picture_is_blenders_own(files: Files, kind: str, name: str, tmp_path: Path) -> None:
    bench, folder = files(kind)
    ours(bench, folder / f"{name}.blend", tmp_path)
    # Passes are rendered one by one and added up, so that the last bit may differ.
    np.testing.assert_allclose(values(tmp_path / f"{name}.exr"), values(folder / f"{name}.exr"), rtol=1e-6)


def test_all_frames_that_a_file_was_made_for_may_be_asked_for(files: Files) -> None:
    bench, folder = files("bpy")
    assert tuple(laid_out(bench, folder / "saved_at_37.blend", frames="scene").frames) == (1001, 1005, 1009)
    (note,) = laid_out(bench, folder / "saved_at_37.blend").notes
    assert note == "Its frame 37 is rendered, the current one, of 1001-1009x4: frames scene renders them all."


def test_a_camera_that_is_chosen_for_want_of_an_active_one_is_named(files: Files) -> None:
    bench, folder = files("bpy")
    assert laid_out(bench, folder / "no_active_camera.blend").notes == (
        "It has no active camera: its first, A, is rendered.",
    )
