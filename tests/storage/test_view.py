"""Views give the values of their standards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from storage.view import View, apply_view

if TYPE_CHECKING:
    import numpy.typing as npt

GREYS = [-1.0, 0.0, 0.002, 0.18, 0.5, 1.0, 50.0, 3e38]


def show(values: npt.ArrayLike, view: View, *, exposure_stops: float = 0.0) -> list[float]:
    """First channel of grey pixels, shown."""
    rgb = np.repeat(np.asarray(values, np.float32)[None, :, None], 3, axis=2)
    shown = apply_view(rgb, view, exposure_stops=exposure_stops)
    assert shown.dtype == np.float32
    assert shown.shape == rgb.shape
    return [float(value) for value in shown[0, :, 0]]


def test_srgb() -> None:
    expected = [0.0, 0.0, 0.002 * 12.92, 0.461356, 0.735357, 1.0, 1.0, 1.0]
    assert show(GREYS, View.SRGB) == pytest.approx(expected, abs=1e-5)


def test_raw() -> None:
    assert show(GREYS, View.RAW) == pytest.approx([0.0, 0.0, 0.002, 0.18, 0.5, 1.0, 1.0, 1.0])


def test_aces() -> None:
    black, mid, white, bright = show([0.0, 0.18, 1.0, 50.0], View.ACES)
    # Pinned: these are the values of ACES 1.3, whichever release of OpenColorIO computes them.
    assert (black, mid, white) == pytest.approx((0.0, 0.355952, 0.811972), abs=2e-4)
    assert bright == 1.0
    steps = show(np.geomspace(1e-3, 16, 60), View.ACES)
    assert steps == sorted(steps)


@pytest.mark.parametrize("view", list(View))
def test_exposure_is_a_factor_of_light(view: View) -> None:
    assert show([0.1, 0.2], view, exposure_stops=1.5) == pytest.approx(
        show(np.array([0.1, 0.2], np.float32) * 2**1.5, view), abs=1e-6
    )


@pytest.mark.parametrize("view", list(View))
def test_extremes_stay_in_range(view: View) -> None:
    extremes = np.array([[[3e38, -3e38, 0.0], [-1.0, 1e-40, 65505.0]]], np.float32)
    for stops in (-200.0, 0.0, 100.0):
        shown = apply_view(extremes, view, exposure_stops=stops)
        assert np.isfinite(shown).all()
        assert shown.min() >= 0
        assert shown.max() <= 1
