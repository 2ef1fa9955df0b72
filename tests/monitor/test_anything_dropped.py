"""Whatever is dropped on the page: nothing crashes, and nothing is written outside of the place for scenes.

How many inputs were tried is printed; `make test-trust` tries more, and its numbers stand in docs/security.md.
"""

from __future__ import annotations

import asyncio
import io
import os
import warnings
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from frontburner.monitor.app import make_app
from tests.monitor.fake_farm import FakeDropHandler, FakeFarm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXAMPLES = int(os.environ.get("INPUTS", "200"))
AT = "/api/submissions"
ANSWERS = {200, 201, 204, 400, 404, 405, 409, 413, 422}

part = st.one_of(
    st.sampled_from(["..", ".", "", "a", "b.txt", "C:", "x\\y", "a\0b", "a\nb", "\u202e", "-x", "x" * 300, "__MACOSX"]),
    st.text(max_size=12),
)
name = st.lists(part, min_size=1, max_size=4).map("/".join) | st.just("/etc/frontburner") | st.just("~/x.txt")
files = st.lists(st.tuples(name, st.binary(max_size=64), st.integers(-2, 2)), max_size=5)


@dataclass(slots=True)
class Page:
    """The page's server in this process, and all that lies around the place for scenes."""

    client: httpx.AsyncClient
    root: Path
    place: Path
    loop: asyncio.Runner = field(default_factory=asyncio.Runner)

    def ask(self, method: str, path: str, **what: Any) -> httpx.Response:
        """Ask; what the server raises is raised."""
        answer = self.loop.run(self.client.request(method, path, **what))
        assert answer.status_code in ANSWERS, answer.text
        return answer

    def bring(self, those: list[tuple[str, bytes, int]]) -> str:
        """Announce files, with sizes that are off now and then, and send them as far as they are taken."""
        told = [{"name": each, "size": len(data) + off} for each, data, off in those]
        begun = self.ask("POST", AT, json={"files": told})
        if begun.status_code != 201:
            return ""
        key = str(begun.json()["submission"])
        for nth, (_, data, _) in enumerate(those):
            self.ask("PUT", f"{AT}/{key}/{nth}", content=data)
        return key

    def outside(self) -> set[str]:
        """Files that are anywhere but in the place for scenes."""
        return {str(path) for path in self.root.rglob("*") if not path.is_relative_to(self.place)}


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    monkeypatch.setenv("FRONTBURNER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    drops = FakeDropHandler()
    assert drops.uploads is not None
    app = make_app(FakeFarm(tmp_path), drops=drops)
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=True), base_url="http://127.0.0.1:8701",
        headers={"x-frontburner": "1"}, trust_env=False,
    )  # fmt: skip
    made = Page(client=client, root=tmp_path, place=drops.uploads.folder)
    yield made
    made.loop.run(client.aclose())
    made.loop.close()


def test_arbitrary_names_sizes_and_bytes(page: Page) -> None:
    before, tried = page.outside(), 0

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), database=None)
    @given(files, st.sampled_from(["read", "render", "discard"]))
    def drop(those: list[tuple[str, bytes, int]], then: str) -> None:
        nonlocal tried
        tried += 1
        key = page.bring(those)
        if key:
            page.ask("POST", f"{AT}/{key}/{then}", json={})
            page.ask("POST", f"{AT}/{key}/discard")

    drop()
    assert page.outside() - before <= {str(page.root / "home"), str(page.place.parent)}
    assert not [path for path in page.place.rglob("*") if path.is_file()]
    print(f"\ndropped: {tried}.")


def test_arbitrary_zips(page: Page) -> None:
    before, tried = page.outside(), 0

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), database=None)
    @given(st.lists(st.tuples(name, st.binary(max_size=64)), max_size=5), st.binary(max_size=8), st.integers(0, 400))
    def drop(members: list[tuple[str, bytes]], spoiled: bytes, at: int) -> None:
        nonlocal tried
        tried += 1
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of names that are there twice: they are meant to be
            for each, data in members:
                archive.writestr(zipfile.ZipInfo(each.replace("\0", "?") or "x"), data)
        data = packed.getvalue()
        data = data[:at] + spoiled + data[at + len(spoiled) :]
        key = page.bring([("scene.zip", data, 0)])
        page.ask("POST", f"{AT}/{key}/read", json={})
        page.ask("POST", f"{AT}/{key}/discard")

    drop()
    assert page.outside() - before <= {str(page.root / "home"), str(page.place.parent)}
    assert not [path for path in page.place.rglob("*") if path.is_file()]
    print(f"\nzips: {tried}.")
