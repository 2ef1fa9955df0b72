"""The gateway on real TLS: who may ask what, what strangers get, and what never gets through."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import socket
import ssl
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from cryptography import x509
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from frontburner.credentials.certificates import new_key, signing_request
from frontburner.credentials.tokens import TokenStore
from frontburner.gateway.auth_middleware import ANONYMOUS_MAX_BYTES, COOKIE, MAX_BYTES
from frontburner.gateway.submit_policy import AllowedLocations
from frontburner.jobs.job import JobRefused, make_job
from tasks.node.versions import versions
from tests.end_to_end.conftest import TIMEOUT_S
from tests.gateway.conftest import STORE, gateway

if TYPE_CHECKING:
    from tests.gateway.conftest import Gate

RUN = "0a1b2c3d-0000-4000-8000-0123456789ab"
CASES = [
    # method, path, who may
    ("GET", "/", "look submit operate"),
    ("GET", "/whoami", "look submit operate"),
    ("GET", "/metrics", "look submit operate"),
    ("GET", "/prefect/", "look submit operate"),
    ("GET", "/prefect/api/flow_runs/" + RUN, "look submit operate"),
    ("GET", "/prefect/api/flows/" + RUN, "look submit operate"),
    ("GET", "/prefect/api/deployments/" + RUN, "look submit operate"),
    ("POST", "/prefect/api/flow_runs/filter", "look submit operate"),
    ("POST", "/prefect/api/flow_runs/count", "look submit operate"),
    ("POST", "/prefect/api/ui/flow_runs/history", "look submit operate"),
    ("POST", "/prefect/api/task_runs/filter", "look submit operate"),
    ("POST", "/prefect/api/flow_runs/", "operate"),
    ("POST", f"/prefect/api/flow_runs/{RUN}/set_state", "operate"),
    ("POST", f"/prefect/api/task_runs/{RUN}/set_state", "operate"),
    ("POST", "/prefect/api/task_runs/", "operate"),
    ("POST", "/prefect/api/logs/", "operate"),
    ("POST", "/prefect/api/deployments/", "operate"),
    ("POST", f"/prefect/api/deployments/{RUN}/create_flow_run", "operate"),
    ("POST", "/prefect/api/block_documents/", "operate"),
    ("POST", "/prefect/api/work_pools/", "operate"),
    ("POST", "/prefect/api/admin/database/clear", "operate"),
    ("DELETE", f"/prefect/api/flow_runs/{RUN}", "operate"),
    ("PATCH", f"/prefect/api/deployments/{RUN}", "operate"),
    ("PUT", "/prefect/api/anything", "operate"),
    ("POST", "/jobs", "submit operate"),
    ("POST", "/api/submissions", "submit operate"),
    ("PUT", f"/api/submissions/{'0' * 32}/0", "submit operate"),
    ("POST", f"/api/submissions/{'0' * 32}/read", "submit operate"),
    ("POST", f"/api/submissions/{'0' * 32}/render", "submit operate"),
    ("POST", f"/api/submissions/{'0' * 32}/discard", "submit operate"),
    ("POST", f"/api/submissions/{'0' * 32}/else", "operate"),
    ("PUT", "/api/submissions/x/0", "operate"),
    ("POST", "/api/jobs/x/cancel", "operate"),
    ("POST", "/logout", "operate"),
]
ROLES = ("look", "submit", "operate", "node")


@pytest.fixture(scope="module")
def tokens(gate: Gate) -> dict[str, str]:
    return {role: gate.token(role, f"case-{role}") for role in ROLES}


@pytest.mark.parametrize(("method", "path", "who"), CASES)
def test_roles(gate: Gate, tokens: dict[str, str], method: str, path: str, who: str) -> None:
    may = {}
    for role in ROLES:
        with gate.client(tokens[role]) as client:
            may[role] = client.request(method, path, content=b"{}" if method == "POST" else None).status_code != 403
    assert {role for role, able in may.items() if able} == set(who.split())


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path, _ in CASES])
def test_without_a_token_nothing_answers(gate: Gate, method: str, path: str) -> None:
    before = len(gate.prefect.heard)
    with gate.client() as client:
        answer = client.request(method, path)
    assert answer.status_code == 401
    assert len(gate.prefect.heard) == before


def test_health_says_nothing_more_than_that_it_is_there(gate: Gate) -> None:
    with gate.client() as client:
        answer = client.get("/health")
    assert (answer.status_code, answer.text) == (200, "ok")
    assert "server" not in answer.headers


def test_strangers_may_have_the_authoritys_certificate_and_know_it_by_a_token(gate: Gate) -> None:
    with gate.client() as client:
        certificate = x509.load_pem_x509_certificate(client.get("/ca.pem").content)
    assert certificate == gate.authority.certificate
    assert gate.token("look").endswith(gate.authority.fingerprint)


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer x",
        "Basic !!",
        "Basic " + base64.b64encode(b"a:b").decode(),
        "Digest x",
        "Bearer " + "x" * 4000,
    ],
)
def test_what_is_no_token_is_refused(gate: Gate, authorization: str) -> None:
    with gate.client() as client:
        assert client.get("/whoami", headers={"authorization": authorization}).status_code == 401


def test_a_token_comes_as_bearer_as_password_or_as_cookie(gate: Gate) -> None:
    token = gate.token("look", "three-ways")
    with gate.client() as client:
        for headers in (
            {"authorization": f"Bearer {token}"},
            {"authorization": "Basic " + base64.b64encode(f"frontburner:{token}".encode()).decode()},
            {"cookie": f"{COOKIE}={token}; other=1"},
        ):
            assert client.get("/whoami", headers=headers).json()["name"] == "three-ways"


def test_prometheus_gets_the_farms_figures_with_a_token(gate: Gate) -> None:
    with gate.client(gate.token("look", "prometheus")) as client:
        told = client.get("/metrics")
    assert told.headers["content-type"].startswith("text/plain")
    assert "frontburner_farm_up 0.0" in told.text, "there is no scheduler here, and that is said"


def test_what_lets_in_goes_no_further(gate: Gate) -> None:
    token = gate.token("look")
    with gate.client() as client:
        client.get("/prefect/api/flows/x?a=b%20c", headers={"authorization": f"Bearer {token}"})
        client.get("/prefect/v2/x", headers={"cookie": f"{COOKIE}={token}; prefect_ui_version=v2"})
    assert token not in json.dumps(gate.prefect.heard)
    by_bearer, by_cookie = gate.prefect.heard[-2:]
    assert (by_bearer["path"], by_bearer["query"]) == ("/api/flows/x", "a=b%20c")
    assert (by_cookie["path"], by_cookie["headers"]["cookie"]) == ("/prefect/v2/x", "prefect_ui_version=v2")


def test_prefects_pages_find_its_api_where_they_came_from(gate: Gate) -> None:
    with gate.client(gate.token("look")) as client:
        assert client.get("/prefect/ui-settings").json()["api_url"] == f"{gate.url}/prefect/api"
        moved = client.get("/prefect/api/flows")
    assert (moved.status_code, moved.headers["location"]) == (307, "/prefect/api/flows/?x=1")


def test_a_token_that_is_taken_back_is_refused_at_once(gate: Gate) -> None:
    token = gate.token("look", "for-a-while")
    with gate.client(token) as client:
        assert client.get("/whoami").status_code == 200
        TokenStore.open(gate.folder).revoke("for-a-while")
        assert client.get("/whoami").status_code == 401


def test_a_browser_signs_in_with_a_cookie_no_script_reads_and_no_other_site_sends(gate: Gate) -> None:
    token = gate.token("operate")
    with gate.client() as client:
        page = client.get("/", headers={"accept": "text/html"})
        assert page.status_code == 401
        assert "script" not in client.get("/login").text
        elsewhere = {"origin": "https://elsewhere.example"}
        assert client.post("/login", data={"token": token}, headers=elsewhere).status_code == 403
        answer = client.post("/login", data={"token": token}, headers={"origin": gate.url})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        cookie = answer.headers["set-cookie"].lower()
        assert all(word in cookie for word in ("secure", "httponly", "samesite=strict", "path=/"))
        assert "domain" not in cookie
        assert client.get("/whoami").json()["role"] == "operate"
        write = "/prefect/api/flow_runs/"
        assert client.post(write).status_code == 403
        assert client.post(write, headers=elsewhere).status_code == 403
        assert client.post(write, headers={"origin": gate.url}).status_code == 200
        client.post("/logout", headers={"origin": gate.url})
        assert client.get("/whoami").status_code == 401


@pytest.mark.parametrize("token", ["", "nonsense", "<script>"])
def test_the_sign_in_page_says_what_is_wrong_and_echoes_nothing(gate: Gate, token: str) -> None:
    with gate.client() as client:
        answer = client.post("/login", data={"token": token})
    assert answer.status_code == 401
    assert "<script>" not in answer.text


def test_bodies_are_limited_before_and_after_the_door(gate: Gate) -> None:
    with gate.client() as client:
        assert client.post("/login", content=b"x" * (ANONYMOUS_MAX_BYTES + 1)).status_code == 413
        assert client.post("/login", content=iter([b"x" * ANONYMOUS_MAX_BYTES, b"x"])).status_code == 413
    with gate.client(gate.token("operate")) as client:
        assert client.post("/prefect/api/logs/", content=b"x" * (MAX_BYTES + 1)).status_code == 413
        assert client.post("/prefect/api/logs/", content=b"x" * 100_000).status_code == 200


def test_a_file_of_a_scene_may_be_larger_than_all_else_from_those_who_may_submit(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRONTBURNER_UPLOAD", str(MAX_BYTES + 2_000_000))
    larger, too_large = b"x" * (MAX_BYTES + 1_000_000), b"x" * (MAX_BYTES + 3_000_000)
    file = f"/api/submissions/{'0' * 32}/0"
    with gateway(tmp_path_factory.mktemp("bringing") / "gate") as gate:
        with gate.client(gate.token("submit")) as client:
            assert client.put(file, content=larger).status_code == 404, "it was let in, and there is no monitor here"
            assert client.put(file, content=too_large).status_code == 413
            assert client.put("/api/submissions/x/0", content=larger).status_code == 403
            assert client.post("/jobs", content=larger).status_code == 413
        with gate.client(gate.token("look")) as client:
            assert client.put(file, content=b"x").status_code == 403


def test_a_scene_is_brought_by_a_submitter_and_kept_where_the_farm_allows(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path_factory.mktemp("brought")
    monkeypatch.setenv("FRONTBURNER_HOME", str(home))
    monkeypatch.setenv("FRONTBURNER_SCENES", f"{home / 'scenes'},{home / 'others'}")
    monkeypatch.setenv("FRONTBURNER_PICTURES", f"{home / 'pictures'},s3://farm/pictures")
    scene = json.dumps({"size": "32x18", "samples": 4}).encode()
    with (
        gateway(home / "gate", monitor=True, scheduler="tcp://127.0.0.1:9") as gate,
        gate.client(gate.token("submit", "berta")) as client,
    ):
        client.headers["x-frontburner"] = "1"
        listed = {"files": [{"name": "ball.json", "size": len(scene)}]}
        key = client.post("/api/submissions", json=listed).json()["submission"]
        at = f"/api/submissions/{key}"
        assert client.put(f"{at}/0", content=scene).status_code == 204
        told = client.post(f"{at}/read").json()
        assert (told["size"], told["samples"]) == ("32x18", 4)
        assert told["out"].startswith(str(home / "pictures" / "ball-"))
        refused = client.post(f"{at}/render", json={"job": {"out": "/etc"}})
        assert (refused.status_code, list(refused.json()["fields"])) == (400, ["out"])
        begun = client.post(f"{at}/render", json={"job": {"samples": 8, "scene": "/etc/passwd", "out": told["out"]}})
        assert begun.status_code == 201, begun.text
        asked = json.loads(gate.prefect.heard[-1]["body"])
        job = asked["parameters"]["job"]
        assert job["scene"].startswith(str(home / "scenes" / "submitted" / "ball-"))
        assert Path(job["scene"]).read_bytes() == scene
        assert (job["samples"], job["out"], asked["tags"]) == (8, told["out"], ["by:berta"])
        assert client.post(f"{at}/render").status_code == 404, "it was rendered, and is over"


def test_a_farm_that_names_no_places_takes_no_scenes_and_says_how_to(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path_factory.mktemp("closed")
    monkeypatch.setenv("FRONTBURNER_HOME", str(home))
    monkeypatch.delenv("FRONTBURNER_SCENES", raising=False)
    monkeypatch.delenv("FRONTBURNER_PICTURES", raising=False)
    with (
        gateway(home / "gate", monitor=True, scheduler="tcp://127.0.0.1:9") as gate,
        gate.client(gate.token("submit")) as client,
    ):
        client.headers["x-frontburner"] = "1"
        assert "FRONTBURNER_SCENES" in client.get("/api/submissions").json()["why_not"]
        answer = client.post("/api/submissions", json={"files": [{"name": "a.json", "size": 1}]})
        assert (answer.status_code, "FRONTBURNER_SCENES" in answer.json()["reason"]) == (409, True)


@pytest.mark.parametrize(
    "path",
    [
        "/prefect/../jobs",
        "/prefect/api/%2e%2e/x",
        "/prefect/api/..%2fadmin",
        "//prefect/api/x",
        "/prefect\\api",
        "/%00",
        "/a%0d%0ab",
    ],
)
def test_paths_that_could_mean_another_are_refused(gate: Gate, path: str) -> None:
    token, before = gate.token("operate"), len(gate.prefect.heard)
    host, port = gate.url.removeprefix("https://").split(":")
    with (
        socket.create_connection((host, int(port)), 10) as raw,
        gate.context().wrap_socket(raw, server_hostname=host) as line,
    ):
        heads = [f"GET {path} HTTP/1.1", f"Host: {host}", f"Authorization: Bearer {token}", "Connection: close", "", ""]
        line.sendall("\r\n".join(heads).encode())
        assert line.recv(64).startswith(b"HTTP/1.1 400")
    assert len(gate.prefect.heard) == before


def test_plain_http_and_old_tls_get_nothing(gate: Gate) -> None:
    with pytest.raises(httpx.HTTPError):
        httpx.get(gate.url.replace("https", "http") + "/health", trust_env=False, timeout=TIMEOUT_S)
    old = gate.context()
    old.minimum_version = ssl.TLSVersion.TLSv1_2
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with httpx.Client(verify=old, trust_env=False) as client:
        assert client.get(f"{gate.url}/health").status_code == 200


def test_many_who_fail_are_told_to_wait_and_those_with_a_token_are_not(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with gateway(tmp_path_factory.mktemp("busy")) as gate, gate.client() as client:
        answers = [client.get("/whoami") for _ in range(40)]
        counts = {status: sum(answer.status_code == status for answer in answers) for status in (401, 429)}
        assert counts[401] >= 20
        assert counts[429] >= 10
        assert int(answers[-1].headers["retry-after"]) >= 1
        with gate.client(gate.token("look")) as known:
            assert known.get("/whoami").status_code == 200


def _socket(gate: Gate, path: str, token: str) -> list[str]:
    headers = {"authorization": f"Bearer {token}"} if token else {}

    async def talk() -> list[str]:
        async with _connecting(gate, path, headers, subprotocols=[Subprotocol("prefect")]) as line:
            await line.send(json.dumps({"type": "auth", "token": f"frontburner:{token}"}))
            await line.send("next")
            return [str(await line.recv()) for _ in range(2)]

    return asyncio.run(asyncio.wait_for(talk(), TIMEOUT_S))


def _connecting(gate: Gate, path: str, headers: dict[str, str], **options: Any) -> connect:
    # Not websockets.sync: it reads and writes one TLS connection in two threads, which OpenSSL doesn't allow.
    return connect(
        f"{gate.url.replace('https', 'wss')}{path}",
        ssl=gate.context(),
        additional_headers=headers,
        proxy=None,
        **options,
    )


@pytest.mark.parametrize(
    ("path", "who"),
    [("/prefect/api/events/in", "operate"), ("/prefect/api/events/out", "look submit operate"),
     ("/prefect/api/logs/out", "look submit operate"), ("/prefect/api/work_pools/w/workers/connect", "operate")],
)  # fmt: skip
def test_web_sockets_ask_for_a_role_too_and_their_tokens_go_no_further(
    gate: Gate, tokens: dict[str, str], path: str, who: str
) -> None:
    able = set()
    for role in ROLES:
        try:
            heard = _socket(gate, path, tokens[role])
        except (InvalidStatus, ConnectionClosed):
            continue
        able.add(role)
        assert heard[1] == "heard next"
        assert tokens[role] not in json.dumps([heard, gate.prefect.said, gate.prefect.heard])
    assert able == set(who.split())


@pytest.mark.parametrize(("origin", "refused"), [("https://elsewhere.example", True), ("", True), ("own", False)])
def test_a_web_socket_of_another_site_is_refused(gate: Gate, origin: str, refused: bool) -> None:
    headers = {"cookie": f"{COOKIE}={gate.token('operate')}"}
    if origin:
        headers["origin"] = gate.url if origin == "own" else origin

    async def knock() -> None:
        async with _connecting(gate, "/prefect/api/events/out", headers):
            pass

    with pytest.raises(InvalidStatus, match="403") if refused else nullcontext():
        asyncio.run(asyncio.wait_for(knock(), TIMEOUT_S))


def _application(name: str = "n7", **changes: object) -> dict[str, object]:
    asked = {"name": name, "request": signing_request(new_key(), "x").decode(), "versions": versions()}
    return asked | changes


def test_a_node_is_taken_in_with_papers_and_a_token_of_its_own(gate: Gate) -> None:
    rack = gate.token("node", "rack-1")
    with gate.client(rack) as client:
        answer = client.post("/enrol", json=_application("n7"))
        assert answer.status_code == 200, answer.text
        given = answer.json()
        assert given["scheduler"] == "tls://farm.studio:8786"
        assert given["environment"] == STORE
        x509.load_pem_x509_certificate(given["certificate"].encode()).verify_directly_issued_by(
            gate.authority.certificate
        )
        assert client.post("/enrol", json=_application("n7")).status_code == 200, "the same token may give it anew"
    with gate.client(given["token"]) as client:
        assert client.post("/enrol", json=_application("n7")).status_code == 401, "the node's former token is over"
    with gate.client(gate.token("node", "rack-2")) as client:
        assert client.post("/enrol", json=_application("n7")).status_code == 409
    with gate.client(rack) as client:
        own = client.post("/enrol", json=_application("n8")).json()["token"]
    with gate.client(own) as client:
        assert client.post("/enrol", json=_application("n9")).status_code == 403, "a node lets no other in"
        renewed = client.post("/enrol", json=_application("n8")).json()
        assert "token" not in renewed
        assert renewed["certificate"]


def test_those_who_look_or_submit_get_no_papers_and_no_keys(gate: Gate) -> None:
    for role in ("look", "submit"):
        with gate.client(gate.token(role)) as client:
            given = client.post("/enrol", json=_application()).json()
        assert not {"certificate", "environment", "scheduler", "token"} & given.keys()
        assert STORE["AWS_SECRET_ACCESS_KEY"] not in json.dumps(given)
    with gate.client(gate.token("operate")) as client:
        assert {"certificate", "environment", "scheduler"} <= client.post("/enrol", json=_application()).json().keys()


def test_a_machine_with_other_versions_is_told_which(gate: Gate) -> None:
    with gate.client(gate.token("node")) as client:
        answer = client.post("/enrol", json=_application(versions=versions() | {"python": "3.9", "numpy": "1.0"}))
        assert answer.status_code == 409
        assert "python 3.9 instead of" in answer.json()["reason"]
        assert "numpy 1.0 instead of" in answer.json()["reason"]
        assert client.post("/enrol", json=_application(versions={})).status_code == 409


@pytest.mark.parametrize("name", ["", "../x", "a\nb", "a;b", "n" * 59, "a b"])
def test_names_of_nodes_are_names(gate: Gate, name: str) -> None:
    with gate.client(gate.token("node")) as client:
        assert client.post("/enrol", json=_application(name)).status_code in (400, 409)


def test_secrets_are_in_no_log(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token = gate.token("operate", "in-no-log")
    rack = gate.token("node", "rack-no-log")
    with gate.client(token) as client:
        client.get("/whoami")
        client.post("/login", data={"token": token})
        client.post("/login", data={"token": token[:-1]})
        client.get(f"/whoami?token={token}")
        client.get("/prefect/api/x", headers={"authorization": f"Bearer {token[:-1]}"})
    with gate.client(rack) as client:
        own = client.post("/enrol", json=_application("n-no-log")).json()["token"]
    with pytest.raises(InvalidStatus):
        _socket(gate, "/prefect/api/events/in", own)
    _socket(gate, "/prefect/api/events/in", token)
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("frontburner."))
    assert "enrolled n-no-log" in ours
    for secret in (token, rack, own, STORE["AWS_SECRET_ACCESS_KEY"]):
        assert secret.split(".")[-2 if "." in secret else 0] not in ours


def test_a_submitted_job_reaches_prefect_with_its_scene_and_place_as_the_farm_allows(gate: Gate) -> None:
    with gate.client(gate.token("submit", "berta")) as client:
        answer = client.post("/jobs", json={"scene": "still.json", "samples": 8})
        assert answer.status_code == 201, answer.text
        assert answer.json()["flow_run"]
        asked = json.loads(gate.prefect.heard[-1]["body"])
        job = asked["parameters"]["job"]
        assert job["scene"].endswith("/scenes/still.json")
        assert job["out"].endswith("/pictures")
        assert (job["samples"], asked["tags"]) == (8, ["by:berta"])
        before = len(gate.prefect.heard)
        for document in (
            {"scene": "../still.json"}, {"scene": "still.json", "out": "/etc"}, {"scene": "a\0.json"},
            {"scene": "x.json; id\n"},
            {"scene": "still.json", "name": "../x"}, {"scene": "still.json", "unknown": 1}, {},
        ):  # fmt: skip
            refused = client.post("/jobs", json=document)
            assert refused.status_code == 422
            assert refused.json()["problems"]
        assert client.post("/jobs", content=b"[" * 100_000).status_code == 400
        assert client.post("/jobs", json=[1]).status_code == 400
    assert len(gate.prefect.heard) == before


def test_a_farm_that_allows_no_scenes_says_how_to() -> None:
    with pytest.raises(JobRefused) as refused:
        AllowedLocations(scenes=(), pictures=()).confine(make_job({"scene": "still.json"}))
    assert "Set FRONTBURNER_SCENES on the manager" in str(refused.value)


def test_the_monitor_is_shown_to_those_who_may_look_and_obeys_those_who_may_operate(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path_factory.mktemp("watched")
    monkeypatch.setenv("FRONTBURNER_HOME", str(home))
    with gateway(home / "gate", monitor=True, scheduler="tcp://127.0.0.1:9") as gate:
        with gate.client() as client:
            assert client.get("/api/jobs").status_code == 401
            assert client.get("/", headers={"accept": "text/html"}).status_code == 401
        with gate.client(gate.token("look")) as client:
            assert "<title>" in client.get("/").text
            assert client.get("/api/me").json() == {"look": True, "submit": False, "operate": False}
            assert client.post("/api/nodes/n1/pause", headers={"x-frontburner": "1"}).status_code == 403
        with gate.client(gate.token("operate")) as client:
            assert client.get("/api/me").json() == {"look": True, "submit": True, "operate": True}
            assert client.post("/api/nodes/n1/pause", headers={"x-frontburner": "1"}).status_code != 403
