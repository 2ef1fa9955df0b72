"""Arbitrary input from outside: nothing crashes, nobody gets in, and jobs stay in the allowed locations.

The number of inputs is printed; `make test-trust` tries more, with the numbers in docs/security.md.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from frontburner.credentials.authority import Authority
from frontburner.credentials.certificates import new_key, signing_request
from frontburner.credentials.tokens import Role, TokenRefused, TokenStore, read_token
from frontburner.gateway.enrolment import Enrolment
from frontburner.gateway.gateway import Gateway
from frontburner.gateway.submit_policy import AllowedLocations
from frontburner.jobs.field_values import require_one_line
from frontburner.jobs.job import JobRefused, RenderJob, make_job
from storage.errors import FrontburnerError
from tasks.node.versions import versions
from tests.end_to_end.conftest import TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.gateway.conftest import RunningGateway

EXAMPLES = int(os.environ.get("INPUTS", "200"))
RAW_EXAMPLES = max(100, EXAMPLES // 10)
_ANY: dict[str, Any] = {"suppress_health_check": list(HealthCheck), "database": None}
text = st.text(max_size=60)
hostile = st.sampled_from(
    ["../../etc/passwd", "/etc/passwd", "a\nb", "a\r\nx: y", "a;id", "$(id)", "`id`", "a\0b", "-x", "--out", "..",
     "~root/x", "s3://other/x", "file:///etc/passwd", "\u202e", "%2e%2e%2f", "x" * 5000, "{{7*7}}"]
)  # fmt: skip
json_value = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | text | hostile,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)


class InProcessGateway:
    """The gateway in this process, without the network, for many requests a second."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority.open(folder / "gate")
        self.tokens = TokenStore(path=folder / "gate" / "tokens.json", clock=lambda: datetime.now(UTC))
        places = AllowedLocations(scenes=[str(folder / "scenes")], pictures=[str(folder / "pictures")])
        enrolment = Enrolment(authority=self.authority, tokens=self.tokens, scheduler="tls://m:8786", environment={})
        gateway = Gateway(enrolment=enrolment, prefect="http://127.0.0.1:9", locations=places, max_failures=10**9)
        transport = httpx.ASGITransport(app=gateway.app(), raise_app_exceptions=True)
        self.client = httpx.AsyncClient(transport=transport, base_url="https://farm", trust_env=False)
        self.loop = asyncio.new_event_loop()
        self.tried = 0

    def ask(self, method: str, path: str, headers: dict[str, str], body: bytes) -> httpx.Response:
        """Send a request; an exception of the server is raised here."""
        self.tried += 1
        asked = self.client.request(method, httpx.URL(f"https://farm{path}"), headers=headers, content=body)
        return self.loop.run_until_complete(asked)


@pytest.fixture(scope="module")
def in_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcessGateway]:
    folder = tmp_path_factory.mktemp("inside")
    for name in ("scenes", "pictures"):
        (folder / name).mkdir()
    in_process_gateway = InProcessGateway(folder)
    yield in_process_gateway
    in_process_gateway.loop.run_until_complete(in_process_gateway.client.aclose())
    in_process_gateway.loop.close()


headers = st.dictionaries(
    st.sampled_from(
        ["authorization", "cookie", "host", "origin", "accept", "content-type", "x-forwarded-for", "te", "range"]
    ),
    st.one_of(
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=80),
        st.binary(max_size=40).map(lambda raw: "Basic " + base64.b64encode(raw).decode()),
        st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60).map(lambda word: f"Bearer {word}"),
        st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60).map(
            lambda word: f"__Host-frontburner={word}"
        ),
    ),
    max_size=5,
)
paths = st.one_of(
    st.sampled_from(
        ["/", "/enrol", "/login", "/jobs", "/prefect/api/flows/", "/prefect", "/health", "/ca.pem", "/whoami"]
    ),
    text.map(lambda word: "/" + quote(word)),
    hostile.map(lambda word: "/prefect/api/" + quote(word)),
)


def test_unauthenticated_requests(in_process: InProcessGateway, capsys: pytest.CaptureFixture[str]) -> None:
    @settings(max_examples=EXAMPLES, **_ANY)
    @given(
        st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE"]),
        paths,
        headers,
        st.binary(max_size=400),
    )
    def ask(method: str, path: str, own: dict[str, str], body: bytes) -> None:
        in_process.client.cookies.clear()
        answer = in_process.ask(method, path, own, body)
        assert answer.status_code in (200, 400, 401, 403, 404, 405, 413, 429), answer.text
        if answer.status_code == 200:
            assert path in ("/health", "/ca.pem", "/login")
        assert "set-cookie" not in answer.headers

    ask()
    _print_count(capsys, "unauthenticated requests", in_process.tried)


def test_enrolment_requests(in_process: InProcessGateway, capsys: pytest.CaptureFixture[str]) -> None:
    token = str(in_process.tokens.add("rack", Role.NODE, authority=in_process.authority.fingerprint))
    good = {"name": "n1", "request": signing_request(new_key(), "n1").decode(), "versions": versions()}
    request = good["request"]
    assert isinstance(request, str)
    corrupted = st.tuples(st.integers(0, len(request) - 1), st.characters()).map(
        lambda at: request[: at[0]] + at[1] + request[at[0] + 1 :]
    )
    bodies = st.one_of(
        st.binary(max_size=300),
        json_value.map(json.dumps).map(str.encode),
        st.fixed_dictionaries(
            {},
            optional={"name": text | hostile, "request": corrupted | text, "versions": json_value, "x": json_value},
        ).map(lambda changes: json.dumps(good | changes).encode()),
    )
    tried = 0

    @settings(max_examples=EXAMPLES // 2, **_ANY)
    @given(bodies)
    def ask(body: bytes) -> None:
        nonlocal tried
        tried += 1
        before = {token.name for token in in_process.tokens.all()}
        answer = in_process.ask("POST", "/enrol", {"authorization": f"Bearer {token}"}, body)
        assert answer.status_code in (200, 400, 409, 413), answer.text
        new = {token.name for token in in_process.tokens.all()} - before
        if answer.status_code != 200:
            assert not new
        assert all(Path(name).name == name and name.isascii() for name in new)

    ask()
    _print_count(capsys, "enrolment requests", tried)


def test_tokens(in_process: InProcessGateway, capsys: pytest.CaptureFixture[str]) -> None:
    shown = str(in_process.tokens.add("anna", Role.OPERATE, authority=in_process.authority.fingerprint))
    changed = st.tuples(st.integers(0, len(shown) - 1), st.characters()).map(
        lambda at: shown[: at[0]] + at[1] + shown[at[0] + 1 :]
    )
    tried = 0

    @settings(max_examples=EXAMPLES, **_ANY)
    @given(text | st.text(min_size=150, max_size=400) | changed)
    def check(given_: str) -> None:
        nonlocal tried
        tried += 1
        try:
            found = in_process.tokens.check(given_)
        except TokenRefused:
            return
        # Only the secret is checked; the authority in a token is for its owner.
        assert read_token(given_).secret == read_token(shown).secret
        assert found.name == "anna"

    check()
    _print_count(capsys, "tokens", tried)


def documents() -> st.SearchStrategy[dict[str, Any]]:
    """Job documents, valid in most fields and hostile in some."""
    fields = dict.fromkeys(RenderJob.model_fields, json_value | hostile)
    plain = st.fixed_dictionaries({"scene": st.sampled_from(["still.json", "room.xml", "a/b.blend"]) | hostile | text})
    return st.tuples(plain, st.fixed_dictionaries({}, optional=fields), st.sampled_from([False, True])).map(
        lambda parts: parts[0] | (parts[1] if parts[2] else dict(list(parts[1].items())[:1]))
    )


def test_job_documents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenes, pictures = tmp_path / "scenes", tmp_path / "pictures"
    scenes.mkdir()
    (scenes / "out").symlink_to("/etc")
    places = AllowedLocations(scenes=[str(scenes)], pictures=[str(pictures), "s3://farm/pictures"])
    tried, accepted = 0, 0

    @settings(max_examples=EXAMPLES, **_ANY)
    @given(documents())
    def submit(document: dict[str, Any]) -> None:
        nonlocal tried, accepted
        tried += 1
        try:
            job = places.confine(make_job(document))
        except JobRefused:
            return
        accepted += 1
        assert Path(job.scene).resolve().is_relative_to(scenes.resolve())
        assert Path(job.out).resolve().is_relative_to(pictures.resolve()) or job.out.startswith("s3://farm/pictures")
        assert ".." not in job.out.split("/")
        assert "/" not in job.title
        for value in (job.scene, job.out, job.camera, *job.groups, *job.parameters, *job.parameters.values()):
            assert require_one_line(value) == value

    submit()
    assert accepted, "some must be valid, or nothing was tested"
    _print_count(capsys, "job documents", tried)


@pytest.mark.parametrize(
    ("scene", "out"),
    [("../x.json", ""), ("/etc/passwd.json", ""), ("out/x.json", ""), ("still.json", "/tmp"), ("still.json", "../.."),
     ("still.json", "s3://other/x"), ("still.json", "s3://farm/pictures-not"), ("still.json", "s3://farm/pictures/../x"),
     ("a\0b.json", ""), ("a\nb.json", "")],
)  # fmt: skip
def test_scenes_and_pictures_outside_of_the_allowed_locations_are_refused(tmp_path: Path, scene: str, out: str) -> None:
    scenes = tmp_path / "scenes"
    scenes.mkdir()
    (scenes / "out").symlink_to("/etc")
    places = AllowedLocations(scenes=[str(scenes)], pictures=[str(tmp_path / "pictures"), "s3://farm/pictures"])
    with pytest.raises(FrontburnerError):
        places.confine(make_job({"scene": scene} | ({"out": out} if out else {})))
    good = places.confine(make_job({"scene": "still.json"}))
    assert (good.scene, good.out) == (str(scenes / "still.json"), str(tmp_path / "pictures"))


def test_raw_bytes_on_the_port(gateway: RunningGateway, capsys: pytest.CaptureFixture[str]) -> None:
    host, port = gateway.url.removeprefix("https://").split(":")
    context, tried = gateway.context(), 0
    lines = st.lists(
        st.sampled_from(
            [b"GET / HTTP/1.1", b"POST /enrol HTTP/1.1", b"Host: x", b"Content-Length: 99999999999999999999",
             b"X" * 9000, b"Content-Length: -1", b"Transfer-Encoding: chunked", b"Upgrade: websocket",
             b"Connection: Upgrade", b"",
             b"Sec-WebSocket-Key: x", b"Authorization: Bearer \xff", b"PRI * HTTP/2.0", b"GET /\xff HTTP/1.1"]
        ),
        max_size=8,
    ).map(b"\r\n".join)  # fmt: skip

    @settings(max_examples=RAW_EXAMPLES, **_ANY)
    @given(lines | st.binary(min_size=1, max_size=300))
    def send(data: bytes) -> None:
        nonlocal tried
        tried += 1
        assert _status(host, int(port), context, data) in (
            b"",
            b"400",
            b"401",
            b"404",
            b"405",
            b"413",
            b"426",
            b"429",
            b"431",
        )

    before = len(gateway.prefect.requests)
    send()
    assert len(gateway.prefect.requests) == before
    with gateway.client() as client:
        assert client.get("/health").status_code == 200
    _print_count(capsys, "raw byte streams", tried)


def _status(host: str, port: int, context: Any, data: bytes) -> bytes:
    """Send bytes and close; returns the status of the answer, if there is one."""
    answer = b""
    with socket.create_connection((host, port), TIMEOUT_S) as raw, suppress(OSError):
        raw.settimeout(TIMEOUT_S)
        with context.wrap_socket(raw, server_hostname=host) as line:
            line.sendall(data + b"\r\n\r\n")
            line.settimeout(0.3)
            with suppress(TimeoutError):
                answer = line.recv(64)
    return answer.split(b" ")[1] if answer.startswith(b"HTTP/") else answer[:3]


def _print_count(capsys: pytest.CaptureFixture[str], what: str, tried: int) -> None:
    with capsys.disabled():
        print(f"\n{what}: {tried}", end="")
