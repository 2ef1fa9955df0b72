"""Certificates the farm makes itself: who is believed, for what, for how long, and how that is taken back."""

from __future__ import annotations

import shutil
import socket
import ssl
import stat
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from frontburner.credentials.authority import RENEW_BEFORE, Authority
from frontburner.credentials.certificates import (
    CertificateError,
    CertificateKind,
    check_name,
    expires_at,
    new_key,
    serial_number,
    signing_request,
)
from frontburner.credentials.dask_security import FarmSecurity, security_for
from tests.end_to_end.conftest import TIMEOUT_S

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.at = BEGAN

    def __call__(self) -> datetime:
        return self.at


def shake_hands(server: FarmSecurity, client: FarmSecurity, role: str = "client") -> bool:
    """Whether both sides of a connection believe each other, so that a byte arrives."""
    ours, theirs = socket.socketpair()
    ours.settimeout(TIMEOUT_S)
    theirs.settimeout(TIMEOUT_S)
    heard = []

    def listen() -> None:
        context = server.get_listen_args("scheduler")["ssl_context"]
        with ours, suppress(OSError), context.wrap_socket(ours, server_side=True) as line:
            heard.append(line.recv(1))
            line.sendall(b"y")

    thread = threading.Thread(target=listen)
    thread.start()
    context = client.get_connection_args(role)["ssl_context"]
    answered = b""
    with theirs, suppress(OSError), context.wrap_socket(theirs) as line:
        line.sendall(b"x")
        answered = line.recv(1)
    thread.join()
    return heard == [b"x"] and answered == b"y"


def test_it_is_made_once_and_found_again(tmp_path: Path) -> None:
    first, again = (Authority.open(tmp_path / "gate") for _ in range(2))
    assert first.fingerprint == again.fingerprint
    assert first.fingerprint != Authority.open(tmp_path / "other").fingerprint


def test_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "gate"
    Authority.open(folder).issue(CertificateKind.SERVER, "gateway", ["farm.studio"])
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.glob("*.*")}
    assert {"authority.key", "server-gateway.key", "authority.pem"} <= modes.keys()
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("server", "client", "believed"),
    [("server", "client", True), ("server", "node", True), ("node", "server", True), ("node", "node", True),
     ("client", "node", False)],
)  # fmt: skip
def test_who_may_serve_whom(tmp_path: Path, server: str, client: str, *, believed: bool) -> None:
    folder = tmp_path / "gate"
    assert shake_hands(security_for(server, folder), security_for(client, folder)) is believed


def test_papers_of_another_farm_are_worth_nothing(tmp_path: Path) -> None:
    ours, theirs = security_for("server", tmp_path / "gate"), security_for("client", tmp_path / "other")
    assert not shake_hands(ours, theirs)


def test_what_is_taken_back_is_refused_by_a_listener_that_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority.open(tmp_path / "gate")
    server, client = (security_for(kind, tmp_path / "gate") for kind in ("server", "client"))
    context = server.get_listen_args("scheduler")["ssl_context"]
    # the one context of a scheduler that runs
    monkeypatch.setattr(server, "get_listen_args", lambda _: {"ssl_context": context})
    assert shake_hands(server, client)
    papers = authority.issue(CertificateKind.CLIENT, "manager")
    authority.revoke([serial_number(papers.certificate.read_bytes())])
    assert not shake_hands(server, client)
    other = FarmSecurity(authority.issue(CertificateKind.CLIENT, "anna"))
    assert shake_hands(server, other)


def node_of(authority: Authority, folder: Path, name: str) -> FarmSecurity:
    """A node on another machine: the list it has is the one of the day it was let in."""
    folder.mkdir()
    papers = authority.issue(CertificateKind.NODE, name)
    return FarmSecurity(replace(papers, revocation_list=Path(shutil.copy(authority.revocation_list, folder))))


def test_a_node_that_learns_of_it_refuses_what_is_taken_back_on_both_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority.open(tmp_path / "gate")
    node, lost, other = (node_of(authority, tmp_path / name, name) for name in ("node", "lost", "other"))
    ends = {"listen": node.get_listen_args("worker"), "reach": node.get_connection_args("worker")}
    monkeypatch.setattr(node, "get_listen_args", lambda _: ends["listen"])
    monkeypatch.setattr(node, "get_connection_args", lambda _: ends["reach"])
    assert shake_hands(node, lost)
    assert shake_hands(lost, node)
    authority.revoke([serial_number(Path(lost.tls_worker_cert).read_bytes())])
    assert shake_hands(node, lost), "it has not heard of it"
    node.update_revocation_list(authority.revocation_list.read_bytes())
    assert not shake_hands(node, lost)
    assert not shake_hands(lost, node)
    assert shake_hands(node, other)
    assert shake_hands(other, node)


def test_a_node_keeps_only_newer_lists_of_its_own_farm(tmp_path: Path) -> None:
    authority, elsewhere = Authority.open(tmp_path / "gate"), Authority.open(tmp_path / "elsewhere")
    node = node_of(authority, tmp_path / "node", "node")
    assert node.revocation_list is not None
    old = node.revocation_list.read_bytes()
    authority.revoke([7])
    new = authority.revocation_list.read_bytes()
    elsewhere.revoke([serial_number(Path(node.tls_worker_cert).read_bytes())])
    for strange in (elsewhere.revocation_list.read_bytes(), b"no list", new.replace(b"\n", b"\nA", 2)):
        with pytest.raises(CertificateError):
            node.update_revocation_list(strange)
        assert node.revocation_list.read_bytes() == old
    node.update_revocation_list(new)
    node.update_revocation_list(old)
    assert node.revocation_list.read_bytes() == new


def test_a_certificate_is_renewed_before_it_is_over_and_when_hosts_change(tmp_path: Path) -> None:
    clock = Clock()
    authority = Authority.open(tmp_path / "gate", clock)

    def issue(*hosts: str) -> bytes:
        return authority.issue(CertificateKind.SERVER, "gateway", hosts).certificate.read_bytes()

    first = issue("farm", "10.0.0.5")
    assert issue("10.0.0.5", "farm") == first
    assert issue("farm") != first
    before = issue("farm")
    clock.at = expires_at(before) - RENEW_BEFORE - timedelta(seconds=1)
    assert issue("farm") == before
    clock.at += timedelta(seconds=1)
    assert expires_at(issue("farm")) > expires_at(before)


def test_a_request_gets_nothing_but_its_key_into_the_certificate(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path / "gate")
    key = ec.generate_private_key(ec.SECP256R1())
    asked = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "manager")]))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("manager")]), critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    made = x509.load_pem_x509_certificate(authority.sign(asked, CertificateKind.NODE, "n7"))
    assert made.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "n7"
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    with pytest.raises(x509.ExtensionNotFound):
        made.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    made.verify_directly_issued_by(authority.certificate)


def _signed_by(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, digest).public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize(
    "request_",
    [
        b"", b"no request", b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
        _signed_by(rsa.generate_private_key(public_exponent=65537, key_size=2048)),
        _signed_by(ed25519.Ed25519PrivateKey.generate()),
        _signed_by(ec.generate_private_key(ec.SECP384R1())),
        new_key(),
    ],
)  # fmt: skip
def test_a_request_that_cant_be_used_is_refused_in_a_sentence(tmp_path: Path, request_: bytes) -> None:
    with pytest.raises(CertificateError, match="signing request is invalid"):
        Authority.open(tmp_path / "gate").sign(request_, CertificateKind.NODE, "n7")


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a\nb", "a\0b", "-x", ".x", "ä", "x" * 65, "a b", "a;b"])
def test_names_that_could_mean_more_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CertificateError):
        check_name(name)
    with pytest.raises(CertificateError):
        Authority.open(tmp_path / "gate").issue(CertificateKind.NODE, name)


def test_many_processes_that_open_it_at_once_have_one(tmp_path: Path) -> None:
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(Authority.open(tmp_path / "gate").fingerprint)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_request_of_ours_is_taken(tmp_path: Path) -> None:
    key = new_key()
    certificate = Authority.open(tmp_path / "gate").sign(signing_request(key, "n7"), CertificateKind.NODE, "n7")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    (tmp_path / "c.pem").write_bytes(certificate)
    (tmp_path / "k.pem").write_bytes(key)
    context.load_cert_chain(tmp_path / "c.pem", tmp_path / "k.pem")  # raises where they don't belong together
