"""A unit whose scene was edited while it was rendered is rendered again, from the scene as it was."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from tasks.errors import UnitFailed
from tasks.job_context import JobContext
from tasks.node.unit_task import _render
from tasks.renderers.errors import scene_changed
from tasks.scene.kept_files import keep_files
from tasks.spec import FrameSpec, SampleRange, Size, UnitSpec
from tasks.store_retry import StoreRetry
from tests.scene.test_kept_files import Shot, save_by_renaming, shot

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["shot"]

CHANNEL = cast("Any", SimpleNamespace(
    report_fetched=lambda *_: None, raise_if_cancelled=lambda: None, cancelled=lambda: False,
    report_phase=lambda *_: None, store_retry=lambda: StoreRetry(timeout_s=0.0),
))  # fmt: skip


def render(shot: Shot, meanwhile: list[Callable[[Path], object]]) -> list[str]:
    """Render a unit; returns the digest of the scene of each attempt, as its renderer read it."""
    attempts: list[str] = []

    def attempt(unit: UnitSpec, **_: Any) -> str:
        attempts.append(shot.digest_of(unit.frame.scene))
        if meanwhile:
            meanwhile.pop(0)(Path(unit.frame.scene))
        return "pixels"

    frame = FrameSpec(
        renderer="null", build="1 null", scene=str(shot.scene), scene_digest=shot.digest, frame=1,
        size=Size(width=8, height=8), samples=1, manifest=shot.manifest.digest,
    )  # fmt: skip
    unit = UnitSpec(frame=frame, region=frame.size.whole, samples=SampleRange(start=0, stop=1))
    node = cast(
        "Any", SimpleNamespace(name="n1", process=SimpleNamespace(render=attempt, raise_if_recalled=lambda: None))
    )
    job = JobContext(store_url=shot.store.url, topic="", kept=shot.kept)
    assert _render(unit, job, node, CHANNEL)[0] == cast("Any", "pixels")
    return attempts


def test_a_scene_that_stays_the_same_is_rendered_once(shot: Shot) -> None:
    assert render(shot, []) == [shot.digest]


def test_an_edit_while_a_unit_is_rendered_never_reaches_its_picture(shot: Shot) -> None:
    keep_files(shot.manifest, shot.kept)
    assert render(shot, [lambda _: save_by_renaming(shot.texture)]) == [shot.digest, shot.digest]
    assert render(shot, []) == [shot.digest], "the next one begins with the copy"


def test_a_renderer_that_notices_the_edit_is_asked_again(shot: Shot) -> None:
    keep_files(shot.manifest, shot.kept)

    def notice(scene: Path) -> None:
        save_by_renaming(shot.texture)
        raise scene_changed(scene)

    assert render(shot, [notice]) == [shot.digest, shot.digest]


def test_an_error_of_a_scene_that_did_not_change_is_the_scene_s(shot: Shot) -> None:
    def fail(_: Path) -> None:
        raise UnitFailed(reason="It crashed.", remedy="", unit="", node="n1")

    with pytest.raises(UnitFailed, match="It crashed"):
        render(shot, [fail])
