"""One command makes a machine a node: nothing unauthenticated runs, and the token goes to the right manager only."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import ssl
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from frontburner.credentials.authority import utc_now
from frontburner.credentials.joining import JoinRefused, join, join_again
from frontburner.credentials.membership import read_membership
from frontburner.credentials.permissions import is_allowed
from frontburner.credentials.tokens import Role, TokenStore
from frontburner.node_setup import set_up
from frontburner.node_setup.invitation import LIFETIME, SCRIPTS, Invitation, invite, script_text
from frontburner.node_setup.offer import kept_wheel, offer
from frontburner.node_setup.own_wheel import own_wheel
from tests.gateway.conftest import run_gateway

if TYPE_CHECKING:
    from tests.gateway.conftest import RunningGateway


def invitation_to(gateway: RunningGateway) -> Invitation:
    tokens = TokenStore.open(gateway.folder)
    return invite(tokens, gateway.url, authority=gateway.authority.fingerprint)


def manager(gateway: RunningGateway, token: str = "") -> set_up.Manager:
    return set_up.verified_manager(gateway.url, token or str(invitation_to(gateway).token))


@pytest.mark.parametrize("script", SCRIPTS.values())
def test_scripts_are_served_to_invitations_only(gateway: RunningGateway, script: str) -> None:
    invitation, tokens = invitation_to(gateway), TokenStore.open(gateway.folder)
    operator = tokens.add("an-operator", Role.OPERATE, authority=gateway.authority.fingerprint)
    with gateway.client() as client:
        answer = client.get(f"/{script}?{invitation.token.key}")
        assert (answer.status_code, answer.text) == (200, script_text(script))
        for key in ("", "0" * 12, operator.key, f"{invitation.token.key}0", str(invitation.token)):
            assert client.get(f"/{script}?{key}").status_code == 401
        assert client.post(f"/{script}?{invitation.token.key}").status_code == 401
    tokens.revoke("an-operator")


def test_an_invitation_admits_nodes_only_and_expires_within_the_hour(gateway: RunningGateway, tmp_path: Path) -> None:
    invitation = invitation_to(gateway)
    tokens, text = TokenStore.open(gateway.folder), str(invitation.token)
    assert (tokens.check(text).role, LIFETIME) == (Role.NODE, timedelta(hours=1))
    later = TokenStore(path=gateway.folder / "tokens.json", clock=lambda: utc_now() + timedelta(minutes=61))
    assert tokens.invites(invitation.token.key)
    assert not later.invites(invitation.token.key)
    with gateway.client(text) as client:
        assert client.get("/whoami").status_code == 403
        assert client.get("/join/setup?system=linux-x86_64").status_code == 200
        assert client.get("/join/setup?system=amiga").status_code == 409
        assert client.post("/leave").status_code == 403
    assert join(gateway.url, text, tmp_path, "invited-1").name == "invited-1"
    assert not tokens.invites(read_key(tmp_path, "invited-1"))  # a node's own token invites nobody


def read_key(home: Path, name: str) -> str:
    member = read_membership(home, name)
    assert member is not None
    return member.token.split(".")[1]


def test_what_nodes_may_request() -> None:
    assert is_allowed(Role.NODE, "GET", "/join/setup")
    assert is_allowed(Role.NODE, "POST", "/leave")
    for method, path in (("POST", "/join/setup"), ("GET", "/joint"), ("GET", "/leave"), ("POST", "/jobs")):
        assert not is_allowed(Role.NODE, method, path)


def test_the_token_is_in_no_log_and_no_script(gateway: RunningGateway, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    invitation = invitation_to(gateway)
    set_up.offered(manager(gateway, str(invitation.token)))
    with gateway.client() as client:
        client.get(f"/join.sh?{invitation.token.key}")
    assert invitation.token.secret not in caplog.text
    assert all(invitation.token.secret not in script_text(script) for script in SCRIPTS.values())
    assert invitation.token.secret not in repr(invitation)


def test_a_command_names_the_script_it_runs_by_its_digest(gateway: RunningGateway) -> None:
    invitation = invitation_to(gateway)
    for kind, command in invitation.commands().items():
        text = script_text(SCRIPTS[kind])
        assert hashlib.sha256(text.encode()).hexdigest() in command
        assert "\n" not in command
        assert all(str(invitation.token) not in part for part in command.split("'") if part.startswith("https:"))
        assert (text.isascii(), "\r" in text, "@PYTHON@" in text, "@PROGRAM@" in text) == (True, False, False, False)
        assert text.count("\n'@") == (kind == "windows")  # what ends the program within the script
        assert text.count("\nEND_OF_PROGRAM") == (kind == "unix")


@pytest.mark.skipif(shutil.which("curl") is None, reason="The command for Linux and macOS fetches with curl.")
def test_a_changed_script_is_not_run(gateway: RunningGateway, tmp_path: Path) -> None:
    """The command as it is pasted, with the digest of another script."""
    marker = tmp_path / "ran"
    command = invitation_to(gateway).commands()["unix"]
    digest = hashlib.sha256(script_text("join.sh").encode()).hexdigest()
    pasted = command.replace('sh -c "$s"', f"touch {marker}; true")
    subprocess.run(["sh", "-c", pasted.replace(digest, "0" * 64)], check=True, capture_output=True)
    assert not marker.exists()
    subprocess.run(["sh", "-c", pasted], check=True, capture_output=True)
    assert marker.exists()


def test_nothing_is_sent_to_another_manager(gateway: RunningGateway, tmp_path: Path) -> None:
    with run_gateway(tmp_path / "other") as other, pytest.raises(set_up.SetUpFailed, match="its authority is another"):
        set_up.verified_manager(other.url, str(invitation_to(gateway).token))


@pytest.mark.parametrize("token", ["", "fb1.x", "a.b.c.d.e"])
def test_a_token_that_is_none_is_said(gateway: RunningGateway, token: str) -> None:
    with pytest.raises(set_up.SetUpFailed, match="There is no token"):
        set_up.verified_manager(gateway.url, token)


def test_a_farm_that_does_not_answer_is_said(gateway: RunningGateway) -> None:
    token = str(invitation_to(gateway).token)
    with pytest.raises(set_up.SetUpFailed, match="doesn't answer"):
        set_up.verified_manager("https://127.0.0.1:9", token)
    expired = set_up.Manager(*manager(gateway)[:2], f"{token[:-1]}0", ssl.create_default_context())
    with pytest.raises(set_up.SetUpFailed, match="isn't valid for"):
        expired.get("/join/setup?system=linux-x86_64")


def test_a_refusal_is_repeated_with_its_remedy(gateway: RunningGateway) -> None:
    with pytest.raises(set_up.SetUpFailed, match=r"refused: .*isn't a system.* These are"):
        manager(gateway).get("/join/setup?system=beos")


def test_a_kept_package_is_found_by_its_name_alone(tmp_path: Path) -> None:
    folder = tmp_path / "linux-x86_64"
    folder.mkdir()
    (folder / "a-1-py3-none-any.whl").touch()
    (tmp_path / "secret.whl").touch()
    assert kept_wheel(tmp_path, "linux-x86_64", "a-1-py3-none-any.whl") == folder / "a-1-py3-none-any.whl"
    for system, name in (("linux-x86_64", "../secret.whl"), ("linux-x86_64", "..\\secret.whl"), ("..", "secret.whl"),
                         ("linux-x86_64", "b.whl"), ("linux-x86_64", "passwd")):  # fmt: skip
        assert kept_wheel(tmp_path, system, name) is None


def small_offer(tmp_path: Path) -> dict[str, Any]:
    return {**offer("linux-x86_64", tmp_path), "requirements": "", "complete": True}


def test_only_the_managers_own_wheel_is_installed(
    gateway: RunningGateway, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Into an empty environment, without internet: not with another hash, but with its own."""
    right = small_offer(tmp_path)
    wrong = {**right, "wheel": {**right["wheel"], "sha256": "0" * 64}}
    with pytest.raises(set_up.SetUpFailed, match="own wheel couldn't be installed"):
        set_up.install(manager(gateway), tmp_path / "node", wrong)
    assert "HASH" in capfd.readouterr().err.upper()
    assert set_up.current(tmp_path / "node") is None
    folder = tmp_path / "node" / set_up.digest(wrong)
    set_up.install_packages(manager(gateway), right, folder)
    (tmp_path / "frontburner").mkdir()
    (tmp_path / "frontburner" / "cli.py").write_text("print('of the current folder')")
    code = "import importlib.metadata as m; print(m.version('frontburner'))"
    shown = subprocess.run(
        [set_up.python_of(folder), "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    ).stdout
    assert shown.strip() == own_wheel().name.split("-")[1]
    ran = subprocess.run(set_up.frontburner(folder), capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "of the current folder" not in ran.stdout


def test_what_is_installed_is_not_installed_again(gateway: RunningGateway, tmp_path: Path) -> None:
    folder = tmp_path / "node" / set_up.digest(small_offer(tmp_path))
    folder.mkdir(parents=True)
    (folder / set_up.DONE).touch()
    assert set_up.install(manager(gateway), tmp_path / "node", small_offer(tmp_path)) == folder
    assert set_up.current(tmp_path / "node") == folder


def test_another_python_is_refused(gateway: RunningGateway, tmp_path: Path) -> None:
    with pytest.raises(set_up.SetUpFailed, match=r"need Python 2\.7"):
        set_up.install(manager(gateway), tmp_path, {**small_offer(tmp_path), "python": "2.7"})


def test_old_environments_go_but_for_those_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(set_up, "launcher", lambda: tmp_path / "bin" / "frontburner")
    parent = tmp_path / "node"
    folders = [parent / name for name in ("first", "second", "third", "fourth")]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / set_up.DONE).touch()
        (folders[0] / set_up.SERVICE).touch()
        set_up.make_current(folder)
    assert sorted(path.name for path in parent.iterdir() if path.is_dir()) == ["first", "fourth", "third"]
    launcher = (tmp_path / "bin" / "frontburner").read_text()
    assert str(folders[3]) in launcher
    (tmp_path / "bin" / "frontburner").write_text("another program's")
    set_up.write_launcher(folders[0])
    assert (tmp_path / "bin" / "frontburner").read_text() == "another program's"


def test_a_node_joins_again_by_its_own_token_or_a_new_invitation(gateway: RunningGateway, tmp_path: Path) -> None:
    first = str(invitation_to(gateway).token)
    own = join_again(gateway.url, first, tmp_path, "again").token
    second = str(invitation_to(gateway).token)
    assert join_again(gateway.url, second, tmp_path, "again").token == own
    TokenStore.open(gateway.folder).revoke("node-again")
    assert join_again(gateway.url, second, tmp_path, "again").token != own


def test_a_node_that_leaves_is_forgotten(gateway: RunningGateway, tmp_path: Path) -> None:
    member = join(gateway.url, str(invitation_to(gateway).token), tmp_path, "leaver")
    with gateway.client(member.token) as client:
        assert client.post("/leave").json() == {"name": "leaver"}
        assert client.post("/leave").status_code == 401
    assert not TokenStore.open(gateway.folder).for_node("leaver")
    with pytest.raises(JoinRefused, match="unknown, or was revoked"):
        join(gateway.url, member.token, tmp_path, "leaver")


def test_the_program_needs_nothing_but_python() -> None:
    """It runs where nothing of Frontburner is installed, from standard input."""
    program = Path(set_up.__file__).read_text(encoding="ascii")
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-", "https://127.0.0.1:9"], input=program, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, "There is no token" in done.stderr) == (1, True)
    assert json.dumps(done.stdout) == '""'


def test_operators_make_invitations_on_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a command for each system that names this gateway; nobody else makes one, nor another site's page."""
    monkeypatch.setenv("FRONTBURNER_HOME", str(tmp_path))
    with run_gateway(tmp_path / "gate", monitor=True, host="127.0.0.1", port=8700) as gateway:
        ours = {"x-frontburner": "1"}
        for role in ("look", "submit"):
            with gateway.client(gateway.token(role)) as client:
                assert client.post("/api/invitations", headers=ours, json={}).status_code == 403
                assert client.get("/api/me").json()["invite"] is False
        with gateway.client(gateway.token("operate")) as client:
            assert client.get("/api/me").json()["invite"] is True
            assert client.post("/api/invitations", json={}).status_code == 403
            made = client.post("/api/invitations", headers=ours, json={}).json()
        tokens = {token.name: token for token in TokenStore.open(gateway.folder).all()}
        assert (made["minutes"], tokens[made["name"]].role) == (60, Role.NODE)
        assert set(made["commands"]) == set(SCRIPTS)
        assert all("'https://127.0.0.1:8700/join." in command for command in made["commands"].values())
