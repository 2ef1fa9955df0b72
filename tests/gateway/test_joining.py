"""Joining a farm: only with the right manager, with files readable by their owner only, and used by later commands."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from frontburner.cluster.running_farms import NoFarm, find_scheduler
from frontburner.credentials.joining import JoinRefused, gateway_url, join, log_in, renew
from frontburner.credentials.membership import apply_login, delete_login, read_membership
from frontburner.credentials.tokens import read_token
from frontburner.settings import Settings
from storage.errors import FrontburnerError
from system.files import others_may_read
from tasks.node.versions import versions
from tests.gateway.conftest import STORE, run_gateway

if TYPE_CHECKING:
    from pathlib import Path

    from tests.gateway.conftest import RunningGateway


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (
        "PREFECT_API_URL",
        "PREFECT_API_AUTH_STRING",
        "PREFECT_API_SSL_CERT_FILE",
        "FRONTBURNER_SCHEDULER",
        *STORE,
    ):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("FRONTBURNER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("given", "found"),
    [("tls://manager:8786", "https://manager:8700"), ("https://manager", "https://manager:8700"),
     ("https://manager:9000/", "https://manager:9000"), ("manager", "https://manager:8700"),
     ("tls://[fd00::1]:8786", "https://[fd00::1]:8700")],
)  # fmt: skip
def test_gateway_url_of_addresses(given: str, found: str) -> None:
    assert gateway_url(given) == found


@pytest.mark.parametrize(
    "given", ["", "http://manager", "https://a@b", "https://m/x", "tls://m:port", "tls://", "a b://c"]
)
def test_invalid_addresses_are_refused(given: str) -> None:
    with pytest.raises(JoinRefused, match="isn't the address of a farm"):
        gateway_url(given)


def test_an_operator_logs_in_and_commands_find_the_farm(
    gateway: RunningGateway, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = gateway.token("operate", "op")
    member = log_in(gateway.url, token, home)
    assert (member.name, member.role, member.has_certificate) == ("op", "operate", True)
    assert find_scheduler("") == Settings().scheduler == "tls://farm.studio:8786"
    assert not any(others_may_read(path) for path in member.folder.iterdir() if path.is_file())
    with monkeypatch.context() as own:
        own.setenv("PREFECT_API_URL", "http://mine:4200/api")
        apply_login(home)
        assert os.environ["PREFECT_API_URL"] == "http://mine:4200/api"
        assert os.environ["PREFECT_API_AUTH_STRING"] == f"frontburner:{token}"
        assert os.environ["AWS_SECRET_ACCESS_KEY"] == STORE["AWS_SECRET_ACCESS_KEY"]
        for name in ("PREFECT_API_AUTH_STRING", "PREFECT_API_SSL_CERT_FILE", *STORE):
            own.delenv(name)
    assert token not in repr(member)
    assert delete_login(home)
    assert read_membership(home) is None
    assert Settings().scheduler == ""


@pytest.mark.parametrize("role", ["look", "submit"])
def test_commands_that_need_operate_refuse_other_roles(gateway: RunningGateway, home: Path, role: str) -> None:
    member = log_in(gateway.url, gateway.token(role), home)
    assert not member.has_certificate
    with pytest.raises(NoFarm, match="needs one with the role operate"):
        find_scheduler("")


def test_no_secret_is_sent_to_another_manager(gateway: RunningGateway, home: Path, tmp_path: Path) -> None:
    token = gateway.token("operate")
    with run_gateway(tmp_path / "imposter") as imposter:
        with pytest.raises(JoinRefused, match="isn't the farm this token is for"):
            log_in(imposter.url, token, home)
        secret = token.split(".")[2]
        assert secret not in str(imposter.prefect.requests)
    assert read_membership(home) is None


def test_a_node_joins_once_and_is_renewed_in_time(gateway: RunningGateway, home: Path) -> None:
    rack = gateway.token("node", "rack-j")
    member = join(gateway.url, rack, home, "n20")
    assert member.token != rack
    assert rack not in "".join(path.read_text() for path in member.folder.iterdir() if path.is_file())
    assert renew(home, "n20", before=timedelta(days=1)) == member
    before = member.files.certificate.read_bytes()
    renewed = renew(home, "n20", before=timedelta(days=400))
    assert renewed is not None
    assert renewed.files.certificate.read_bytes() != before
    assert renewed.token == member.token
    assert renew(home, "n21", before=timedelta(days=1)) is None


def test_tokens_of_the_wrong_role_or_farm_are_refused(gateway: RunningGateway, home: Path) -> None:
    with pytest.raises(JoinRefused, match="a node needs one of the role node"):
        join(gateway.url, gateway.token("operate"), home, "n30")
    shown = read_token(gateway.token("look"))
    with pytest.raises(FrontburnerError, match="is unknown, or was revoked"):
        log_in(gateway.url, str(replace(shown, secret="A" * 43)), home)
    with pytest.raises(JoinRefused, match="isn't the farm this token is for"):
        log_in(gateway.url, str(replace(shown, authority="0" * 64)), home)


def test_other_versions_are_refused_with_a_remedy(
    gateway: RunningGateway, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = versions() | {"numpy": "1.0"}
    monkeypatch.setattr("frontburner.credentials.joining.versions", lambda: mine)
    with pytest.raises(JoinRefused, match=r"numpy 1\.0 instead of .*frontburner node invite") as refused:
        join(gateway.url, gateway.token("node"), home, "n31")
    assert not refused.value.retryable


def test_an_unreachable_gateway_is_named(home: Path, gateway: RunningGateway) -> None:
    with pytest.raises(JoinRefused, match="doesn't answer") as refused:
        log_in("https://127.0.0.1:9", gateway.token("look"), home)
    assert refused.value.retryable
