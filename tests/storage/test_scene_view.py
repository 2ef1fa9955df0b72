"""A scene's own colours need its program's configuration, and say so; the rest of their arithmetic is here."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import numpy as np
import OpenImageIO
import pytest

from storage.errors import ViewUnavailable
from storage.images import encode_png
from storage.scene_view import Curves, SceneView, scene_view_from
from storage.view import View, apply_view

if TYPE_CHECKING:
    from pathlib import Path

DOUBLED = ((0.0, 0.5, 1.0), (0.0, 1.0, 1.0))
PLAIN = ((0.0, 1.0), (0.0, 1.0))
VIEW = SceneView(
    program="blender 5.0.1", space="ACEScg", interop_id="lin_ap1_scene", display="sRGB", view="Standard",
    to_rec709=(0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0),
)  # fmt: skip
LIGHT = np.array([[[0.1, 0.2, 0.4]]], np.float32)


def test_without_its_program_a_scenes_own_view_is_refused_with_the_way_out() -> None:
    with pytest.raises(ViewUnavailable, match=r"configuration of blender 5\.0\.1: it isn't on this machine"):
        apply_view(LIGHT, View.SCENE, scene=VIEW)
    with pytest.raises(ViewUnavailable, match="colour configuration"):
        apply_view(LIGHT, View.SCENE, scene=replace(VIEW, config="/gone/config.ocio"))


def test_other_views_start_from_rec709() -> None:
    np.testing.assert_allclose(apply_view(LIGHT, View.RAW, scene=VIEW), [[[0.2, 0.1, 0.4]]], rtol=1e-6)
    hdr = replace(VIEW, display="")
    np.testing.assert_array_equal(apply_view(LIGHT, View.SCENE, scene=hdr), apply_view(LIGHT, View.SRGB, scene=VIEW))


@pytest.mark.parametrize("keeps_hue", [False, True])
def test_curves_come_before_exposure_and_balance(keeps_hue: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    curves = Curves(points=(DOUBLED, PLAIN, DOUBLED), black=(0, 0, 0), white=(1, 1, 1), keeps_hue=keeps_hue)
    view = replace(VIEW, curves=curves, exposure_stops=1.0, balance=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.5))
    monkeypatch.setattr(SceneView, "_displayed", lambda _, light: light)
    middle = 0.2 + (0.8 - 0.2) * (0.2 - 0.1) / (0.4 - 0.1) if keeps_hue else 0.2
    expected = np.array([0.2, middle, 0.8 * 0.5]) * 2 * 2
    np.testing.assert_allclose(view.shown(LIGHT, exposure_stops=1.0)[0, 0], expected, rtol=1e-6)


@pytest.mark.parametrize("by_sines", [False, True])
def test_dither_is_noise_about_the_value_it_hides(by_sines: bool) -> None:
    view = replace(VIEW, dither=1.0, dither_by_sines=by_sines)
    noise = (view.dithered(np.full((40, 60, 3), 0.5, np.float32)) - 0.5) * 255
    assert np.abs(noise).max() <= 1.5
    assert 0.3 < noise.std() < 0.6
    assert np.unique(noise[..., 0]).size > 1000
    np.testing.assert_array_equal(noise[..., 0], noise[..., 2])


def test_it_is_kept_in_records_and_read_again() -> None:
    curves = Curves(points=(DOUBLED,) * 3, black=(0.0, 0.0, 0.0), white=(1.0, 1.0, 1.0), keeps_hue=False)
    view = replace(VIEW, curves=curves)
    assert scene_view_from(json.loads(json.dumps(asdict(view)))) == view
    assert scene_view_from(None) is None
    assert scene_view_from({"view": "AgX"}) is None


def test_light_of_no_alpha_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(SceneView, "_displayed", lambda _, light: light)
    pixels = np.concatenate([LIGHT, np.zeros((1, 1, 1), np.float32)], axis=2)
    (tmp_path / "glow.png").write_bytes(encode_png(pixels, bits=8, view=View.SCENE, scene=VIEW))
    config = OpenImageIO.ImageSpec()
    config.attribute("oiio:UnassociatedAlpha", 1)
    source = OpenImageIO.ImageInput.open(str(tmp_path / "glow.png"), config)
    assert source is not None
    assert np.asarray(source.read_image(format="uint8"))[0, 0].tolist() == [26, 51, 102, 0]
    source.close()
