"""Three machines, a farm with TLS and tokens, a cable that is pulled, and a stranger who tries every port."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from frontburner.cluster.prefect_server import embedded_server
from storage.objects import open_store
from tests.end_to_end.conftest import COMMAND, ROOT, TIMEOUT_S, Studio, until
from tests.farm.conftest import bring_up, deploy, environment, status, studio_at
from tests.faults.verdict import Pictures, pictures
from tests.lan import Machine, lan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

OUT = ROOT / "build" / "farm.json"
NAMES = ("first", "second", "third")
SCENES = ROOT / "scenes"
STILL = {"scene": str(SCENES / "interior.xml"), "size": "160x90", "samples": 32}
WALK = {"scene": str(SCENES / "walk.xml"), "frames": "1-6", "size": "96x54", "samples": 8}
CABLE = {"size": "128x72", "samples": 64, "journal": True, "cost_s": 110}
OPTIONS = ("--exr", "float", "--formats", "exr", "--travel", "yes")
READ = """
import json, sys
from base64 import b64encode
from storage.objects import open_store
store = open_store(sys.argv[1])
keys = [key for key in store.list() if key.endswith(".exr")]
print(json.dumps({key: b64encode(store.read(key)).decode() for key in keys}))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Farm:
    """Three machines of a farm, and one that is a stranger."""

    machines: Mapping[str, Machine]
    studios: Mapping[str, Studio]
    leads: Mapping[str, str]
    stranger: Machine

    @property
    def manager(self) -> Studio:
        return self.studios["first"]

    def nodes(self) -> dict[str, dict[str, Any]]:
        """Return the nodes as the manager sees them."""
        done = self.manager.run("node", "list", "--json")
        return {node["name"]: node for node in json.loads(done.stdout)} if done.returncode == 0 else {}

    def pictures(self, out: str) -> Pictures:
        """Return the pictures of a store that only the farm's machines reach."""
        read = [*self.manager.within, sys.executable, "-c", READ, out]
        done = subprocess.run(
            read, env={**self.manager.environment, **self.leads}, cwd=ROOT, capture_output=True, text=True,
            timeout=TIMEOUT_S, check=True,
        )  # fmt: skip
        from base64 import b64decode

        from storage.images import decode_exr

        return {key: decode_exr(b64decode(data))[0] for key, data in json.loads(done.stdout).items()}


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    with ExitStack() as running:
        *machines, stranger = running.enter_context(lan(4))
        named = dict(zip(NAMES, machines, strict=True))
        studios = {name: studio_at(tmp_path / name, machine.within) for name, machine in named.items()}
        for studio in studios.values():
            running.callback(studio.end)
        manager, address = studios["first"], named["first"].address
        bring_up(manager, "--host", address, "--nodes", 1, "--store", "seaweedfs")
        token = json.loads(manager.run("token", "add", "machines", "--role", "node", "--json").stdout)["token"]
        for name in NAMES[1:]:
            join = ("node", "join", f"tls://{address}:8786", "--name", name, "--threads", 1)
            running.enter_context(studios[name].serving(COMMAND, *join, FRONTBURNER_TOKEN=token))
        farm = Farm(machines=named, studios=studios, leads=environment(manager), stranger=stranger)
        until(lambda: {"second", "third"} < set(farm.nodes()) and len(farm.nodes()) == 3)
        yield farm
        down = manager.run("farm", "down")
        assert down.returncode == 0, down.stderr


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Pictures]:
    """The same pictures, rendered on one machine by one node."""
    studio = studio_at(tmp_path / "alone")
    monkeypatch.setenv("FRONTBURNER_HOME", str(studio.home))
    found = {}
    with embedded_server() as server:
        server.wait()
        for name, job in (("still", STILL), ("walk", WALK)):
            out = studio.folder / name
            options = (*_options(job), *OPTIONS, "--out", out, "--nodes", 1)
            studio.render(job["scene"], *options, PREFECT_API_URL=server.url)
            found[name] = pictures(open_store(str(out)))[0]
    return found


def _options(job: Mapping[str, Any]) -> list[str]:
    return [word for name, value in job.items() if name != "scene" for word in (f"--{name}", str(value))]


def same(ours: Pictures, theirs: Pictures) -> int:
    """Return how many pictures are the same, bit for bit."""
    return sum(key in theirs and np.array_equal(ours[key], theirs[key]) for key in ours)


def gradient(found: Pictures) -> int:
    """Return how many pictures are the null renderer's gradient."""
    width, height = map(int, str(CABLE["size"]).split("x"))
    y, x, c = np.ogrid[:height, :width, :3]
    right = ((3 * x + 5 * y + 7 * c + 11) % 256 / 256).astype(np.float32)
    return sum(np.array_equal(pixels[..., :3], right) for pixels in found.values())


def told(farm: Farm, job_id: str, out: str) -> list[dict[str, Any]]:
    """Return the record of a job."""
    lines = farm.manager.run("job", "log", job_id, "--out", out, "--json").stdout.splitlines()
    return [json.loads(line) for line in lines]


@contextmanager
def naive_service(farm: Farm, name: str) -> Iterator[tuple[str, int]]:
    """Have a machine serve its files to everybody: what a stranger must find, or the search is worth nothing."""
    machine, studio = farm.machines[name], farm.studios[name]
    with studio.serving(sys.executable, "-m", "http.server", "8080", "--bind", machine.address):
        yield machine.address, 8080


def test_three_machines_render_what_one_does_through_a_pulled_cable_and_no_stranger_gets_a_word(
    alone: Mapping[str, Pictures], farm: Farm
) -> None:
    manager = farm.manager
    still = manager.render(STILL["scene"], *_options(STILL), *OPTIONS, "--out", "s3://farm/still")
    deploy(manager, dict(farm.leads), {**WALK, "exr": "float", "formats": ["exr"], "travel": "yes"})

    cable = manager.folder / "cable.json"
    cable.write_text(json.dumps(CABLE))
    with manager.start("render", cable, *OPTIONS[:4], "--out", "s3://farm/cable", "--json") as command:
        until(lambda: farm.nodes().get("third", {}).get("state") == "rendering")
        until(lambda: cable.with_suffix(".journal").exists())
        farm.machines["third"].cut()
        until(lambda: "third" not in farm.nodes())
        farm.machines["third"].mend()
        until(lambda: "third" in farm.nodes())
        printed, _ = command.communicate(timeout=TIMEOUT_S)
    assert command.returncode == 0
    cable_id = json.loads(printed)["job_id"]
    until(lambda: len(farm.pictures("s3://farm/renders")) == 6)

    right = same(farm.pictures("s3://farm/still"), alone["still"])
    right += same(farm.pictures("s3://farm/renders"), alone["walk"])
    right += gradient(farm.pictures("s3://farm/cable"))
    events = told(farm, cable_id, "s3://farm/cable")
    assert [event["node"] for event in events if event["what"] == "node lost"] == ["third"]
    assert len(still["per_node"]) == 3

    addresses = [machine.address for machine in farm.machines.values()]
    with naive_service(farm, "third") as naive:
        found = stranger(farm, addresses)
    assert found[naive[0]].pop(str(naive[1])), "a stranger who finds nothing here finds nothing anywhere"
    told_strangers = {f"{a}:{port}": said for a, ports in found.items() for port, said in ports.items() if said}
    document = {
        "machines": len(farm.machines),
        "jobs": 3,
        "pictures": 8,
        "right_pictures": right,
        "open_ports": {address: sorted(map(int, ports)) for address, ports in found.items()},
        "ports_open_to_strangers": len(told_strangers),
        "told_to_strangers": told_strangers,
    }
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(document, indent=1))
    assert told_strangers == {}
    assert right == 8
    assert all(found[address] for address in addresses), "every machine listens somewhere"
    assert status(manager)["healthy"]


def stranger(farm: Farm, addresses: list[str]) -> dict[str, dict[str, list[str]]]:
    """Have somebody without a token try every port of some machines."""
    command = [*farm.stranger.within, sys.executable, "-m", "tests.farm.stranger", *addresses]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    found: dict[str, dict[str, list[str]]] = json.loads(done.stdout)
    return found
