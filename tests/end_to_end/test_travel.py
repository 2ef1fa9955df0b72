"""Scenes that nodes can't see, really: each node has a disk of its own over the scene's folder."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from storage.images import decode_exr
from storage.objects import INTERNAL_PREFIX
from system.machine import is_root
from tests.end_to_end.conftest import COMMAND, TIMEOUT_S, Studio, until

if TYPE_CHECKING:
    from collections.abc import Iterator

HIDES = 'mount -t tmpfs tmpfs "$1" && shift && exec "$@"'
SWAPS = 'mount --bind "$2" "$1" && shift 2 && exec "$@"'
"""What a shell does in a mount namespace of its own: an empty disk over a folder, or another folder, then all else."""


pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def namespaces() -> None:
    """Skip where no mount namespace can be made."""
    unshare = shutil.which("unshare")
    if not is_root() or unshare is None:
        pytest.skip("only root can hide a folder from a process")
    if subprocess.run([unshare, "-m", "sh", "-c", HIDES, "sh", "/mnt", "true"], check=False).returncode:
        pytest.skip("no folder can be hidden from a process here")


class Farm:
    """A farm whose nodes are started one by one, each with a cache of its own."""

    def __init__(self, studio: Studio, address: str, prefect: dict[str, str], caches: Path) -> None:
        self.studio, self.address, self.prefect, self.caches = studio, address, prefect, caches
        self.nodes: list[subprocess.Popen[str]] = []

    def start(self, name: str, *, hides: Path | None = None, instead: Path | None = None) -> None:
        """Start a node that doesn't see a folder, or sees another one instead."""
        command = [str(COMMAND), "node", "start", "--scheduler", self.address, "--name", name, "--threads", "1"]
        if hides is not None and instead is None:
            command = ["unshare", "-m", "sh", "-c", HIDES, "sh", str(hides), *command]
        elif hides is not None:
            command = ["unshare", "-m", "sh", "-c", SWAPS, "sh", str(hides), str(instead), *command]
        environment = self.studio.environment | {"FRONTBURNER_CACHE": str(self.caches / name)}
        self.nodes.append(subprocess.Popen(
            command, env=environment, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, text=True,
        ))  # fmt: skip
        until(lambda: name in self.listed())

    def listed(self) -> set[str]:
        done = self.studio.run("node", "list", "--json")
        return {node["name"] for node in json.loads(done.stdout)} if done.returncode == 0 else set()

    def begin(self, *arguments: object) -> subprocess.Popen[str]:
        return self.studio.start(
            "render", *arguments, "--exr", "float", "--json", FRONTBURNER_SCHEDULER=self.address, **self.prefect
        )

    def render(self, *arguments: object) -> tuple[dict[str, Any], str]:
        """Render a job, which must succeed; its report and what was said."""
        with self.begin(*arguments) as command:
            printed, said = command.communicate(timeout=TIMEOUT_S)
        assert command.returncode == 0, said
        report: dict[str, Any] = json.loads(printed)
        return report, said

    def refused(self, *arguments: object) -> str:
        """Have a job refused; what was said."""
        with self.begin(*arguments) as command:
            _, said = command.communicate(timeout=TIMEOUT_S)
        assert command.returncode == 2, said
        assert "Traceback" not in said
        return said

    def cached(self, name: str) -> set[str]:
        """Contents in a node's cache."""
        return {path.name for path in (self.caches / name / "files").glob("*/*")}

    def told(self, job: str, what: str) -> list[dict[str, Any]]:
        lines = self.studio.run("job", "log", job, "--json").stdout.splitlines()
        return [event for event in map(json.loads, lines) if event["what"] == what]


@pytest.fixture
def farm(studio: Studio, prefect: dict[str, str], tmp_path: Path) -> Iterator[Farm]:
    with studio.start("farm", "start", "--nodes", 0) as scheduler:
        assert scheduler.stdout is not None
        address = scheduler.stdout.readline().strip().removeprefix("export FRONTBURNER_SCHEDULER=")
        farm = Farm(studio, address, prefect, tmp_path / "caches")
        try:
            yield farm
        finally:
            for node in farm.nodes:
                node.send_signal(signal.SIGTERM)
            for node in farm.nodes:
                node.wait(timeout=TIMEOUT_S)
            scheduler.send_signal(signal.SIGTERM)
            scheduler.communicate(timeout=TIMEOUT_S)


def pixels(report: dict[str, Any]) -> Any:
    picture = next(path for path in sorted(report["outputs"]) if path.endswith(".exr"))
    return decode_exr(Path(picture).read_bytes())[0]


def digests(*files: Path) -> set[str]:
    return {hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def sent(out: Path) -> list[str]:
    return sorted(path.name for path in (out / INTERNAL_PREFIX / "assets").glob("*/*"))


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """The folder nodes don't see; files of the scene lie outside of it too."""
    folder = tmp_path / "artist" / "shot"
    folder.mkdir(parents=True)
    return folder


def rehearsal(desk: Path, **fields: object) -> tuple[Path, list[Path]]:
    """A null scene with a file beside it, one above it, and one named by its absolute path."""
    files = [desk / "wood.bin", desk.parent / "sky.bin", desk / "rug.bin"]
    for number, path in enumerate(files):
        path.write_bytes(bytes([number]) * 100_000)
    scene = desk / "null.json"
    names = ["wood.bin", "../sky.bin", str(files[2])]
    scene.write_text(json.dumps({"size": "64x36", "samples": 16, "cost_s": 3, "files": names, **fields}))
    return scene, [scene, *files]


def test_nodes_that_cannot_see_a_scene_render_the_same_picture(farm: Farm, desk: Path) -> None:
    scene, files = rehearsal(desk)
    for name in ("a", "b"):
        farm.start(name, hides=desk.parent)
    out = farm.studio.folder / "out"
    report, _ = farm.render(scene, "--out", out)
    size_bytes = sum(file.stat().st_size for file in files)
    assert report["scene"]["sent_bytes"] == report["scene"]["size_bytes"] == size_bytes
    assert set(sent(out)) == digests(*files), "each content once, and nothing else"
    for name in ("a", "b"):
        assert farm.cached(name) == digests(*files)
        assert report["per_node"][name]["units"] > 0
        fetched = [event for event in farm.told(report["job_id"], "scene fetched") if event["node"] == name]
        assert [event["fetched_bytes"] for event in fetched if event["fetched_bytes"]] == [size_bytes], "once a node"
    assert_as_in_place(farm, scene, report)


def assert_as_in_place(farm: Farm, scene: Path, report: dict[str, Any], *fields: str) -> None:
    """The picture is the one that is rendered where the scene lies."""
    farm.start("seeing")
    for node in farm.nodes[:-1]:
        node.send_signal(signal.SIGTERM)
        node.wait(timeout=TIMEOUT_S)
    place, said = farm.render(scene, *fields, "--out", farm.studio.folder / "place")
    assert place["scene"] is None, said
    assert not (farm.studio.folder / "place" / INTERNAL_PREFIX / "assets").exists()
    np.testing.assert_array_equal(pixels(report), pixels(place))


def test_a_mitsuba_scene_takes_along_what_it_names_in_any_way(farm: Farm, desk: Path) -> None:
    wood = Image.fromarray(np.random.default_rng(1).integers(0, 255, (16, 16, 3), dtype=np.uint8))
    files = [desk / "room.xml", desk / "parts" / "floor.xml", desk.parent / "wood.png", desk / "rug.png"]
    files[1].parent.mkdir()
    for picture in files[2:]:
        wood.save(picture)
        wood = wood.rotate(90)
    files[0].write_text(ROOM.format(rug=files[3]))
    files[1].write_text(FLOOR)
    farm.start("a", hides=desk.parent)
    report, _ = farm.render(files[0], "--out", farm.studio.folder / "out")
    assert set(sent(farm.studio.folder / "out")) == farm.cached("a") == digests(*files)
    again, _ = farm.render(files[0], "--out", farm.studio.folder / "out", "--samples", 8, "--name", "again")
    assert again["scene"]["sent_bytes"] == 0, "another job of the store doesn't send it again"
    assert not farm.told(again["job_id"], "scene fetched"), "nor does a node fetch it"
    assert_as_in_place(farm, files[0], report)


ROOM = """<scene version="3.0.0">
  <include filename="parts/floor.xml"/>
  <sensor type="perspective">
    <transform name="to_world"><lookat origin="0, 2, 4" target="0, 0, 0" up="0, 1, 0"/></transform>
    <film type="hdrfilm"><integer name="width" value="48"/><integer name="height" value="36"/></film>
    <sampler type="independent"><integer name="sample_count" value="16"/></sampler>
  </sensor>
  <emitter type="constant"/>
  <shape type="sphere"><bsdf type="diffuse"><texture type="bitmap" name="reflectance">
    <string name="filename" value="{rug}"/></texture></bsdf></shape>
</scene>
"""
FLOOR = """<scene version="3.0.0">
  <shape type="rectangle">
    <transform name="to_world"><rotate x="1" angle="-90"/><scale value="5"/></transform>
    <bsdf type="diffuse"><texture type="bitmap" name="reflectance">
      <string name="filename" value="../wood.png"/></texture></bsdf>
  </shape>
</scene>
"""


@pytest.mark.skipif(shutil.which("povray") is None, reason="POV-Ray isn't installed")
def test_a_povray_scene_may_name_its_files_by_where_they_are(farm: Farm, desk: Path) -> None:
    wood, floor, scene = desk.parent / "wood.png", desk.parent / "floor.inc", desk / "room.pov"
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (16, 16, 3), dtype=np.uint8)).save(wood)
    floor.write_text(f'plane {{ z, 1 pigment {{ image_map {{ png "{wood}" }} }} finish {{ emission 1 }} }}\n')
    scene.write_text(
        f'#version 3.7;\nglobal_settings {{ assumed_gamma 1 }}\n#include "{floor}"\n'
        "camera { orthographic location -z right x up y look_at 0 }\n"
    )
    farm.start("a", hides=desk.parent)
    size = ("--size", "48x36")
    report, _ = farm.render(scene, *size, "--out", farm.studio.folder / "out")
    assert farm.cached("a") == digests(wood, floor, scene)
    assert len(np.unique(pixels(report))) > 100, "the picture is in it"
    assert_as_in_place(farm, scene, report, *size)


def test_a_scene_that_must_not_travel_keeps_nodes_out_that_have_another_one(farm: Farm, desk: Path) -> None:
    scene, files = rehearsal(desk)
    other = desk.parent.with_name("other")
    shutil.copytree(desk.parent, other)
    (other / "sky.bin").write_bytes(b"night" * 20_000)
    farm.start("stale", hides=desk.parent, instead=other)
    said = farm.refused(scene, "--out", farm.studio.folder / "out", "--travel", "no")
    told = f"isn't the same on stale as where the job comes from: {files[2]} holds something else here."
    assert told in said
    farm.start("good")
    report, said = farm.render(scene, "--out", farm.studio.folder / "out", "--travel", "no")
    assert list(report["per_node"]) == ["good"]
    assert f"stale is excluded: The scene null.json {told}" in said
    assert not (farm.studio.folder / "out" / INTERNAL_PREFIX / "assets").exists()


def test_a_node_that_comes_later_and_does_not_see_the_scene_has_it_sent(farm: Farm, desk: Path) -> None:
    scene, files = rehearsal(desk, cost_s=900, journal=True)
    farm.start("seeing")
    with farm.begin(scene, "--out", farm.studio.folder / "out") as command:
        until(scene.with_suffix(".journal").exists)
        farm.start("late", hides=desk.parent)
        (job,) = json.loads(farm.studio.run("job", "list", "--json").stdout)
        until(lambda: [e for e in farm.told(job["job_id"], "unit finished") if e["node"] == "late"])
        command.send_signal(signal.SIGINT)
        command.communicate(timeout=TIMEOUT_S)
    (withheld, *_) = (e["why"] for e in farm.told(job["job_id"], "node withheld") if "scene" in e["why"])
    assert withheld == f"the scene is sent to it, since its files differ: {scene} isn't there."
    assert farm.told(job["job_id"], "scene fetched")[-1]["fetched_bytes"] == sum(f.stat().st_size for f in files)
    assert farm.cached("late") == digests(*files)
    assert not (farm.caches / "seeing").exists(), "who sees it uses it where it lies"


def test_a_missing_file_is_named_before_anything_is_rendered_or_sent(farm: Farm, desk: Path) -> None:
    scene, files = rehearsal(desk, journal=True)
    files[2].unlink()
    farm.start("a", hides=desk.parent)
    said = farm.refused(scene, "--out", farm.studio.folder / "out")
    assert "The scene null.json refers to files that don't exist: ../sky.bin." in said
    assert not scene.with_suffix(".journal").exists()
    assert not sent(farm.studio.folder / "out")
