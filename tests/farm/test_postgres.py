"""A farm whose Prefect keeps its records in PostgreSQL: they outlive it, and the password is its owner's alone."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from storage.objects import open_store
from system.machine import is_root
from tests.end_to_end.conftest import TIMEOUT_S, until
from tests.farm.conftest import bring_up, deploy, environment, status, studio_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.end_to_end.conftest import Studio

pytestmark = pytest.mark.slow

PASSWORD = "correct-horse-battery"
PROGRAMS = Path("/usr/lib/postgresql")  # where Debian keeps them, a folder a version


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """A PostgreSQL server of this test's own, on loopback."""

    programs: Path
    folder: Path
    owner: str | None

    def run(self, program: str, *arguments: str) -> None:
        """Run one of its programs, which refuse to be root's."""
        subprocess.run(
            [self.programs / program, *arguments], cwd=self.folder, user=self.owner, check=True, timeout=TIMEOUT_S,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip


@pytest.fixture
def database() -> Iterator[str]:
    versions = sorted(PROGRAMS.glob("*/bin/initdb"))
    if not versions:
        pytest.skip("PostgreSQL isn't installed: apt-get install postgresql")
    owner = "nobody" if is_root() else None
    folder = Path(tempfile.mkdtemp(prefix="frontburner-postgres-"))  # pytest's own folders are closed to others
    if owner:
        shutil.chown(folder, owner)
    postgres = Postgres(programs=versions[-1].parent, folder=folder, owner=owner)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "password").write_text(PASSWORD)
    (folder / "password").chmod(0o644)
    try:
        postgres.run("initdb", "-D", "data", "-U", "farm", "--auth=scram-sha-256", "--pwfile=password")
        listening = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder}"
        postgres.run("pg_ctl", "-D", "data", "-w", "-l", "log", "-o", listening, "start")
        try:
            yield f"postgresql://farm:{PASSWORD}@127.0.0.1:{port}/postgres"
        finally:
            postgres.run("pg_ctl", "-D", "data", "-w", "-m", "fast", "stop")
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    studio = studio_at(tmp_path)
    yield studio
    studio.end()


def runs(leads: dict[str, str]) -> dict[str, str]:
    """States of the flow's runs, by identity, as the Prefect server has them."""
    found = httpx.post(f"{leads['PREFECT_API_URL']}/flow_runs/filter", json={}, timeout=TIMEOUT_S)
    return {run["id"]: run["state_type"] for run in found.raise_for_status().json() if run["deployment_id"]}


def test_runs_are_known_after_the_farm_was_down(studio: Studio, database: str) -> None:
    scene = studio.folder / "still.json"
    scene.write_text(json.dumps({"size": "64x36", "samples": 8}))
    pictures = studio.folder / "pictures"

    bring_up(studio, "--nodes", 1, "--store", pictures, "--database", database)
    leads = environment(studio)
    deploy(studio, leads, {"scene": str(scene), "out": str(pictures)})
    store = open_store(str(pictures))
    until(lambda: store.exists("still.png"))
    until(lambda: set(runs(leads).values()) == {"COMPLETED"})
    before = runs(leads)
    assert studio.run("farm", "down").returncode == 0

    bring_up(studio)
    assert status(studio)["healthy"]
    assert runs(environment(studio)) == before
    assert studio.run("farm", "down").returncode == 0

    assert not list((studio.home / "prefect").glob("*.db"))
    kept = [path for path in studio.home.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]
    assert [path.name for path in kept] == ["farm.json"]
    assert kept[0].stat().st_mode & 0o077 == 0
