"""The gateway over real TLS: which role may request what, and what is never forwarded.

One file over 300 lines: all questions go to one gateway over TLS, which is set up here.
"""

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
from tests.gateway.conftest import STORE, run_gateway

if TYPE_CHECKING:
    from tests.gateway.conftest import RunningGateway

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
def tokens(gateway: RunningGateway) -> dict[str, str]:
    return {role: gateway.token(role, f"case-{role}") for role in ROLES}


@pytest.mark.parametrize(("method", "path", "who"), CASES)
def test_roles(gateway: RunningGateway, tokens: dict[str, str], method: str, path: str, who: str) -> None:
    may = {}
    for role in ROLES:
        with gateway.client(tokens[role]) as client:
            may[role] = client.request(method, path, content=b"{}" if method == "POST" else None).status_code != 403
    assert {role for role, able in may.items() if able} == set(who.split())


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path, _ in CASES])
def test_every_route_requires_a_token(gateway: RunningGateway, method: str, path: str) -> None:
    before = len(gateway.prefect.requests)
    with gateway.client() as client:
        response = client.request(method, path)
    assert response.status_code == 401
    assert len(gateway.prefect.requests) == before


def test_health_reveals_nothing_else(gateway: RunningGateway) -> None:
    with gateway.client() as client:
        response = client.get("/health")
    assert (response.status_code, response.text) == (200, "ok")
    assert "server" not in response.headers


def test_the_authoritys_certificate_is_public_and_its_fingerprint_is_in_tokens(gateway: RunningGateway) -> None:
    with gateway.client() as client:
        certificate = x509.load_pem_x509_certificate(client.get("/ca.pem").content)
    assert certificate == gateway.authority.certificate
    assert gateway.token("look").endswith(gateway.authority.fingerprint)


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
def test_malformed_tokens_are_refused(gateway: RunningGateway, authorization: str) -> None:
    with gateway.client() as client:
        assert client.get("/whoami", headers={"authorization": authorization}).status_code == 401


def test_a_token_is_accepted_as_bearer_password_or_cookie(gateway: RunningGateway) -> None:
    token = gateway.token("look", "three-ways")
    with gateway.client() as client:
        for headers in (
            {"authorization": f"Bearer {token}"},
            {"authorization": "Basic " + base64.b64encode(f"frontburner:{token}".encode()).decode()},
            {"cookie": f"{COOKIE}={token}; other=1"},
        ):
            assert client.get("/whoami", headers=headers).json()["name"] == "three-ways"


def test_prometheus_reads_metrics_with_a_token(gateway: RunningGateway) -> None:
    with gateway.client(gateway.token("look", "prometheus")) as client:
        response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    assert "frontburner_farm_up 0.0" in response.text, "there is no scheduler here"


def test_tokens_are_not_forwarded(gateway: RunningGateway) -> None:
    token = gateway.token("look")
    with gateway.client() as client:
        client.get("/prefect/api/flows/x?a=b%20c", headers={"authorization": f"Bearer {token}"})
        client.get("/prefect/v2/x", headers={"cookie": f"{COOKIE}={token}; prefect_ui_version=v2"})
    assert token not in json.dumps(gateway.prefect.requests)
    by_bearer, by_cookie = gateway.prefect.requests[-2:]
    assert (by_bearer["path"], by_bearer["query"]) == ("/api/flows/x", "a=b%20c")
    assert (by_cookie["path"], by_cookie["headers"]["cookie"]) == ("/prefect/v2/x", "prefect_ui_version=v2")


def test_prefects_pages_use_its_api_at_the_gateway(gateway: RunningGateway) -> None:
    with gateway.client(gateway.token("look")) as client:
        assert client.get("/prefect/ui-settings").json()["api_url"] == f"{gateway.url}/prefect/api"
        moved = client.get("/prefect/api/flows")
    assert (moved.status_code, moved.headers["location"]) == (307, "/prefect/api/flows/?x=1")


def test_a_revoked_token_is_refused_at_once(gateway: RunningGateway) -> None:
    token = gateway.token("look", "for-a-while")
    with gateway.client(token) as client:
        assert client.get("/whoami").status_code == 200
        TokenStore.open(gateway.folder).revoke("for-a-while")
        assert client.get("/whoami").status_code == 401


def test_a_browser_signs_in_with_a_secure_http_only_same_site_cookie(gateway: RunningGateway) -> None:
    token = gateway.token("operate")
    with gateway.client() as client:
        page = client.get("/", headers={"accept": "text/html"})
        assert page.status_code == 401
        assert "script" not in client.get("/login").text
        elsewhere = {"origin": "https://elsewhere.example"}
        assert client.post("/login", data={"token": token}, headers=elsewhere).status_code == 403
        response = client.post("/login", data={"token": token}, headers={"origin": gateway.url})
        assert (response.status_code, response.headers["location"]) == (303, "/")
        cookie = response.headers["set-cookie"].lower()
        assert all(word in cookie for word in ("secure", "httponly", "samesite=strict", "path=/"))
        assert "domain" not in cookie
        assert client.get("/whoami").json()["role"] == "operate"
        write = "/prefect/api/flow_runs/"
        assert client.post(write).status_code == 403
        assert client.post(write, headers=elsewhere).status_code == 403
        assert client.post(write, headers={"origin": gateway.url}).status_code == 200
        client.post("/logout", headers={"origin": gateway.url})
        assert client.get("/whoami").status_code == 401


@pytest.mark.parametrize("token", ["", "nonsense", "<script>"])
def test_the_sign_in_page_doesnt_echo_the_token(gateway: RunningGateway, token: str) -> None:
    with gateway.client() as client:
        response = client.post("/login", data={"token": token})
    assert response.status_code == 401
    assert "<script>" not in response.text


def test_bodies_are_limited_with_and_without_a_token(gateway: RunningGateway) -> None:
    with gateway.client() as client:
        assert client.post("/login", content=b"x" * (ANONYMOUS_MAX_BYTES + 1)).status_code == 413
        assert client.post("/login", content=iter([b"x" * ANONYMOUS_MAX_BYTES, b"x"])).status_code == 413
    with gateway.client(gateway.token("operate")) as client:
        assert client.post("/prefect/api/logs/", content=b"x" * (MAX_BYTES + 1)).status_code == 413
        assert client.post("/prefect/api/logs/", content=b"x" * 100_000).status_code == 200


def test_scene_uploads_of_submitters_may_be_larger(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRONTBURNER_UPLOAD", str(MAX_BYTES + 2_000_000))
    larger, too_large = b"x" * (MAX_BYTES + 1_000_000), b"x" * (MAX_BYTES + 3_000_000)
    file = f"/api/submissions/{'0' * 32}/0"
    with run_gateway(tmp_path_factory.mktemp("uploads") / "gate") as gateway:
        with gateway.client(gateway.token("submit")) as client:
            assert client.put(file, content=larger).status_code == 404, "it was allowed, and there is no monitor here"
            assert client.put(file, content=too_large).status_code == 413
            assert client.put("/api/submissions/x/0", content=larger).status_code == 403
            assert client.post("/jobs", content=larger).status_code == 413
        with gateway.client(gateway.token("look")) as client:
            assert client.put(file, content=b"x").status_code == 403


def test_a_submitter_uploads_a_scene_to_the_allowed_folder(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path_factory.mktemp("uploaded")
    monkeypatch.setenv("FRONTBURNER_HOME", str(home))
    monkeypatch.setenv("FRONTBURNER_SCENES", f"{home / 'scenes'},{home / 'others'}")
    monkeypatch.setenv("FRONTBURNER_PICTURES", f"{home / 'pictures'},s3://farm/pictures")
    scene = json.dumps({"size": "32x18", "samples": 4}).encode()
    with (
        run_gateway(home / "gate", monitor=True, scheduler="tcp://127.0.0.1:9") as gateway,
        gateway.client(gateway.token("submit", "berta")) as client,
    ):
        client.headers["x-frontburner"] = "1"
        listed = {"files": [{"name": "ball.json", "size": len(scene)}]}
        key = client.post("/api/submissions", json=listed).json()["submission"]
        at = f"/api/submissions/{key}"
        assert client.put(f"{at}/0", content=scene).status_code == 204
        preview = client.post(f"{at}/read").json()
        assert (preview["size"], preview["samples"]) == ("32x18", 4)
        assert preview["out"].startswith(str(home / "pictures" / "ball-"))
        refused = client.post(f"{at}/render", json={"job": {"out": "/etc"}})
        assert (refused.status_code, list(refused.json()["fields"])) == (400, ["out"])
        submitted = client.post(
            f"{at}/render", json={"job": {"samples": 8, "scene": "/etc/passwd", "out": preview["out"]}}
        )
        assert submitted.status_code == 201, submitted.text
        sent = json.loads(gateway.prefect.requests[-1]["body"])
        job = sent["parameters"]["job"]
        assert job["scene"].startswith(str(home / "scenes" / "submitted" / "ball-"))
        assert Path(job["scene"]).read_bytes() == scene
        assert (job["samples"], job["out"], sent["tags"]) == (8, preview["out"], ["by:berta"])
        assert client.post(f"{at}/render").status_code == 404, "it was rendered, and is gone"


def test_uploads_are_refused_without_allowed_folders(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path_factory.mktemp("closed")
    monkeypatch.setenv("FRONTBURNER_HOME", str(home))
    monkeypatch.delenv("FRONTBURNER_SCENES", raising=False)
    monkeypatch.delenv("FRONTBURNER_PICTURES", raising=False)
    with (
        run_gateway(home / "gate", monitor=True, scheduler="tcp://127.0.0.1:9") as gateway,
        gateway.client(gateway.token("submit")) as client,
    ):
        client.headers["x-frontburner"] = "1"
        assert "FRONTBURNER_SCENES" in client.get("/api/submissions").json()["why_not"]
        response = client.post("/api/submissions", json={"files": [{"name": "a.json", "size": 1}]})
        assert (response.status_code, "FRONTBURNER_SCENES" in response.json()["reason"]) == (409, True)


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
def test_ambiguous_paths_are_refused(gateway: RunningGateway, path: str) -> None:
    token, before = gateway.token("operate"), len(gateway.prefect.requests)
    host, port = gateway.url.removeprefix("https://").split(":")
    with (
        socket.create_connection((host, int(port)), 10) as raw,
        gateway.context().wrap_socket(raw, server_hostname=host) as line,
    ):
        heads = [f"GET {path} HTTP/1.1", f"Host: {host}", f"Authorization: Bearer {token}", "Connection: close", "", ""]
        line.sendall("\r\n".join(heads).encode())
        assert line.recv(64).startswith(b"HTTP/1.1 400")
    assert len(gateway.prefect.requests) == before


def test_plain_http_is_refused_and_tls_1_2_accepted(gateway: RunningGateway) -> None:
    with pytest.raises(httpx.HTTPError):
        httpx.get(gateway.url.replace("https", "http") + "/health", trust_env=False, timeout=TIMEOUT_S)
    old = gateway.context()
    old.minimum_version = ssl.TLSVersion.TLSv1_2
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with httpx.Client(verify=old, trust_env=False) as client:
        assert client.get(f"{gateway.url}/health").status_code == 200


def test_repeated_failures_are_rate_limited_but_valid_tokens_are_not(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with run_gateway(tmp_path_factory.mktemp("busy")) as gateway, gateway.client() as client:
        answers = [client.get("/whoami") for _ in range(40)]
        counts = {status: sum(response.status_code == status for response in answers) for status in (401, 429)}
        assert counts[401] >= 20
        assert counts[429] >= 10
        assert int(answers[-1].headers["retry-after"]) >= 1
        with gateway.client(gateway.token("look")) as known:
            assert known.get("/whoami").status_code == 200


def _socket(gateway: RunningGateway, path: str, token: str) -> list[str]:
    headers = {"authorization": f"Bearer {token}"} if token else {}

    async def talk() -> list[str]:
        async with _connecting(gateway, path, headers, subprotocols=[Subprotocol("prefect")]) as line:
            await line.send(json.dumps({"type": "auth", "token": f"frontburner:{token}"}))
            await line.send("next")
            return [str(await line.recv()) for _ in range(2)]

    return asyncio.run(asyncio.wait_for(talk(), TIMEOUT_S))


def _connecting(gateway: RunningGateway, path: str, headers: dict[str, str], **options: Any) -> connect:
    # Not websockets.sync: it reads and writes one TLS connection in two threads, which OpenSSL doesn't allow.
    return connect(
        f"{gateway.url.replace('https', 'wss')}{path}",
        ssl=gateway.context(),
        additional_headers=headers,
        proxy=None,
        **options,
    )


@pytest.mark.parametrize(
    ("path", "who"),
    [("/prefect/api/events/in", "operate"), ("/prefect/api/events/out", "look submit operate"),
     ("/prefect/api/logs/out", "look submit operate"), ("/prefect/api/work_pools/w/workers/connect", "operate")],
)  # fmt: skip
def test_web_sockets_require_a_role_and_their_tokens_are_not_forwarded(
    gateway: RunningGateway, tokens: dict[str, str], path: str, who: str
) -> None:
    able = set()
    for role in ROLES:
        try:
            heard = _socket(gateway, path, tokens[role])
        except (InvalidStatus, ConnectionClosed):
            continue
        able.add(role)
        assert heard[1] == "heard next"
        assert tokens[role] not in json.dumps([heard, gateway.prefect.messages, gateway.prefect.requests])
    assert able == set(who.split())


@pytest.mark.parametrize(("origin", "refused"), [("https://elsewhere.example", True), ("", True), ("own", False)])
def test_a_web_socket_of_another_site_is_refused(gateway: RunningGateway, origin: str, refused: bool) -> None:
    headers = {"cookie": f"{COOKIE}={gateway.token('operate')}"}
    if origin:
        headers["origin"] = gateway.url if origin == "own" else origin

    async def connect_once() -> None:
        async with _connecting(gateway, "/prefect/api/events/out", headers):
            pass

    with pytest.raises(InvalidStatus, match="403") if refused else nullcontext():
        asyncio.run(asyncio.wait_for(connect_once(), TIMEOUT_S))


def _request_body(name: str = "n7", **changes: object) -> dict[str, object]:
    sent = {"name": name, "request": signing_request(new_key(), "x").decode(), "versions": versions()}
    return sent | changes


def test_a_node_is_enrolled_with_its_own_certificate_and_token(gateway: RunningGateway) -> None:
    rack = gateway.token("node", "rack-1")
    with gateway.client(rack) as client:
        response = client.post("/enrol", json=_request_body("n7"))
        assert response.status_code == 200, response.text
        given = response.json()
        assert given["scheduler"] == "tls://farm.studio:8786"
        assert given["environment"] == STORE
        x509.load_pem_x509_certificate(given["certificate"].encode()).verify_directly_issued_by(
            gateway.authority.certificate
        )
        assert client.post("/enrol", json=_request_body("n7")).status_code == 200, "the same token may enrol it again"
    with gateway.client(given["token"]) as client:
        assert client.post("/enrol", json=_request_body("n7")).status_code == 401, (
            "the former token of the node is revoked"
        )
    with gateway.client(gateway.token("node", "rack-2")) as client:
        assert client.post("/enrol", json=_request_body("n7")).status_code == 409
    with gateway.client(rack) as client:
        own = client.post("/enrol", json=_request_body("n8")).json()["token"]
    with gateway.client(own) as client:
        assert client.post("/enrol", json=_request_body("n9")).status_code == 403, "a node's token enrols no other"
        renewed = client.post("/enrol", json=_request_body("n8")).json()
        assert "token" not in renewed
        assert renewed["certificate"]


def test_look_and_submit_get_no_certificate_and_no_store_keys(gateway: RunningGateway) -> None:
    for role in ("look", "submit"):
        with gateway.client(gateway.token(role)) as client:
            given = client.post("/enrol", json=_request_body()).json()
        assert not {"certificate", "environment", "scheduler", "token"} & given.keys()
        assert STORE["AWS_SECRET_ACCESS_KEY"] not in json.dumps(given)
    with gateway.client(gateway.token("operate")) as client:
        assert {"certificate", "environment", "scheduler"} <= client.post("/enrol", json=_request_body()).json().keys()


def test_other_versions_are_refused_and_named(gateway: RunningGateway) -> None:
    with gateway.client(gateway.token("node")) as client:
        response = client.post("/enrol", json=_request_body(versions=versions() | {"python": "3.9", "numpy": "1.0"}))
        assert response.status_code == 409
        assert "python 3.9 instead of" in response.json()["reason"]
        assert "numpy 1.0 instead of" in response.json()["reason"]
        assert client.post("/enrol", json=_request_body(versions={})).status_code == 409


@pytest.mark.parametrize("name", ["", "../x", "a\nb", "a;b", "n" * 59, "a b"])
def test_invalid_names_of_nodes_are_refused(gateway: RunningGateway, name: str) -> None:
    with gateway.client(gateway.token("node")) as client:
        assert client.post("/enrol", json=_request_body(name)).status_code in (400, 409)


def test_no_secret_is_logged(gateway: RunningGateway, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token = gateway.token("operate", "in-no-log")
    rack = gateway.token("node", "rack-no-log")
    with gateway.client(token) as client:
        client.get("/whoami")
        client.post("/login", data={"token": token})
        client.post("/login", data={"token": token[:-1]})
        client.get(f"/whoami?token={token}")
        client.get("/prefect/api/x", headers={"authorization": f"Bearer {token[:-1]}"})
    with gateway.client(rack) as client:
        own = client.post("/enrol", json=_request_body("n-no-log")).json()["token"]
    with pytest.raises(InvalidStatus):
        _socket(gateway, "/prefect/api/events/in", own)
    _socket(gateway, "/prefect/api/events/in", token)
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("frontburner."))
    assert "enrolled n-no-log" in ours
    for secret in (token, rack, own, STORE["AWS_SECRET_ACCESS_KEY"]):
        assert secret.split(".")[-2 if "." in secret else 0] not in ours


def test_a_submitted_job_is_confined_and_reaches_prefect(gateway: RunningGateway) -> None:
    with gateway.client(gateway.token("submit", "berta")) as client:
        response = client.post("/jobs", json={"scene": "still.json", "samples": 8})
        assert response.status_code == 201, response.text
        assert response.json()["flow_run"]
        sent = json.loads(gateway.prefect.requests[-1]["body"])
        job = sent["parameters"]["job"]
        assert job["scene"].endswith("/scenes/still.json")
        assert job["out"].endswith("/pictures")
        assert (job["samples"], sent["tags"]) == (8, ["by:berta"])
        before = len(gateway.prefect.requests)
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
    assert len(gateway.prefect.requests) == before


def test_a_refusal_without_allowed_scenes_names_the_setting() -> None:
    with pytest.raises(JobRefused) as refused:
        AllowedLocations(scenes=(), pictures=()).confine(make_job({"scene": "still.json"}))
    assert "Set FRONTBURNER_SCENES on the manager" in str(refused.value)


def test_submitters_may_not_run_scripts_unless_the_farm_allows_it(tmp_path: Path) -> None:
    (tmp_path / "still.json").write_text("{}")
    job = make_job({"scene": "still.json", "allow_scripts": True})
    allowed: dict[str, Any] = {"scenes": [str(tmp_path)], "pictures": [str(tmp_path)]}
    with pytest.raises(JobRefused, match="refused") as refused:
        AllowedLocations(**allowed).confine(job)
    assert "FRONTBURNER_SUBMITTED_SCRIPTS=yes" in str(refused.value)
    assert AllowedLocations(**allowed, scripts=True).confine(job).allow_scripts
    assert not AllowedLocations(**allowed).confine(make_job({"scene": "still.json"})).allow_scripts


def test_the_monitor_requires_look_and_its_controls_operate(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path_factory.mktemp("watched")
    monkeypatch.setenv("FRONTBURNER_HOME", str(home))
    with run_gateway(home / "gate", monitor=True, scheduler="tcp://127.0.0.1:9") as gateway:
        with gateway.client() as client:
            assert client.get("/api/jobs").status_code == 401
            assert client.get("/", headers={"accept": "text/html"}).status_code == 401
        with gateway.client(gateway.token("look")) as client:
            assert "<title>" in client.get("/").text
            assert client.get("/api/me").json() == {"look": True, "submit": False, "operate": False, "invite": False}
            assert client.post("/api/nodes/n1/pause", headers={"x-frontburner": "1"}).status_code == 403
        with gateway.client(gateway.token("operate")) as client:
            assert client.get("/api/me").json() == {"look": True, "submit": True, "operate": True, "invite": True}
            assert client.post("/api/nodes/n1/pause", headers={"x-frontburner": "1"}).status_code != 403
