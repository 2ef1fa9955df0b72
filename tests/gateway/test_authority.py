"""The certificate authority: which certificates are accepted, for what, for how long, and how they are revoked."""

from __future__ import annotations

import shutil
import socket
import ssl
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
from system.files import others_may_read
from tests.end_to_end.conftest import TIMEOUT_S

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.at = BEGAN

    def __call__(self) -> datetime:
        return self.at


def handshake(server: FarmSecurity, client: FarmSecurity, role: str = "client") -> bool:
    """Whether both sides of a connection accept each other, so that a byte arrives."""
    ours, theirs = socket.socketpair()
    ours.settimeout(TIMEOUT_S)
    theirs.settimeout(TIMEOUT_S)
    received = []

    def listen() -> None:
        context = server.get_listen_args("scheduler")["ssl_context"]
        with ours, suppress(OSError), context.wrap_socket(ours, server_side=True) as line:
            received.append(line.recv(1))
            line.sendall(b"y")

    thread = threading.Thread(target=listen)
    thread.start()
    context = client.get_connection_args(role)["ssl_context"]
    answered = b""
    with theirs, suppress(OSError), context.wrap_socket(theirs) as line:
        line.sendall(b"x")
        answered = line.recv(1)
    thread.join()
    return received == [b"x"] and answered == b"y"


def test_an_authority_is_created_once(tmp_path: Path) -> None:
    first, again = (Authority.open(tmp_path / "gate") for _ in range(2))
    assert first.fingerprint == again.fingerprint
    assert first.fingerprint != Authority.open(tmp_path / "other").fingerprint


def test_keys_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "gate"
    Authority.open(folder).issue(CertificateKind.SERVER, "gateway", ["farm.studio"])
    files = {path.name: others_may_read(path) for path in folder.glob("*.*")}
    assert {"authority.key", "server-gateway.key", "authority.pem"} <= files.keys()
    assert not any(files.values())
    assert not others_may_read(folder)


@pytest.mark.parametrize(
    ("server", "client", "accepted"),
    [("server", "client", True), ("server", "node", True), ("node", "server", True), ("node", "node", True),
     ("client", "node", False)],
)  # fmt: skip
def test_which_kinds_may_connect(tmp_path: Path, server: str, client: str, *, accepted: bool) -> None:
    folder = tmp_path / "gate"
    assert handshake(security_for(server, folder), security_for(client, folder)) is accepted


def test_certificates_of_another_farm_are_refused(tmp_path: Path) -> None:
    ours, theirs = security_for("server", tmp_path / "gate"), security_for("client", tmp_path / "other")
    assert not handshake(ours, theirs)


def test_a_running_listener_refuses_a_revoked_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority.open(tmp_path / "gate")
    server, client = (security_for(kind, tmp_path / "gate") for kind in ("server", "client"))
    context = server.get_listen_args("scheduler")["ssl_context"]
    # a running scheduler has one context
    monkeypatch.setattr(server, "get_listen_args", lambda _: {"ssl_context": context})
    assert handshake(server, client)
    files = authority.issue(CertificateKind.CLIENT, "manager")
    authority.revoke([serial_number(files.certificate.read_bytes())])
    assert not handshake(server, client)
    other = FarmSecurity(authority.issue(CertificateKind.CLIENT, "anna"))
    assert handshake(server, other)


def node_of(authority: Authority, folder: Path, name: str) -> FarmSecurity:
    """A node on another machine, with the revocation list of the day it joined."""
    folder.mkdir()
    files = authority.issue(CertificateKind.NODE, name)
    return FarmSecurity(replace(files, revocation_list=Path(shutil.copy(authority.revocation_list, folder))))


def test_a_node_with_an_updated_list_refuses_a_revoked_certificate_both_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority.open(tmp_path / "gate")
    node, lost, other = (node_of(authority, tmp_path / name, name) for name in ("node", "lost", "other"))
    ends = {"listen": node.get_listen_args("worker"), "reach": node.get_connection_args("worker")}
    monkeypatch.setattr(node, "get_listen_args", lambda _: ends["listen"])
    monkeypatch.setattr(node, "get_connection_args", lambda _: ends["reach"])
    assert handshake(node, lost)
    assert handshake(lost, node)
    authority.revoke([serial_number(Path(lost.tls_worker_cert).read_bytes())])
    assert handshake(node, lost), "its list is not updated yet"
    node.update_revocation_list(authority.revocation_list.read_bytes())
    assert not handshake(node, lost)
    assert not handshake(lost, node)
    assert handshake(node, other)
    assert handshake(other, node)


def test_a_node_accepts_only_newer_lists_of_its_own_farm(tmp_path: Path) -> None:
    authority, elsewhere = Authority.open(tmp_path / "gate"), Authority.open(tmp_path / "elsewhere")
    node = node_of(authority, tmp_path / "node", "node")
    assert node.revocation_list is not None
    old = node.revocation_list.read_bytes()
    authority.revoke([7])
    new = authority.revocation_list.read_bytes()
    elsewhere.revoke([serial_number(Path(node.tls_worker_cert).read_bytes())])
    for invalid in (elsewhere.revocation_list.read_bytes(), b"no list", new.replace(b"\n", b"\nA", 2)):
        with pytest.raises(CertificateError):
            node.update_revocation_list(invalid)
        assert node.revocation_list.read_bytes() == old
    node.update_revocation_list(new)
    node.update_revocation_list(old)
    assert node.revocation_list.read_bytes() == new


def test_a_certificate_is_renewed_before_it_expires_and_when_hosts_change(tmp_path: Path) -> None:
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


def test_only_the_key_of_a_signing_request_is_used(tmp_path: Path) -> None:
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
def test_an_invalid_signing_request_is_refused(tmp_path: Path, request_: bytes) -> None:
    with pytest.raises(CertificateError, match="signing request is invalid"):
        Authority.open(tmp_path / "gate").sign(request_, CertificateKind.NODE, "n7")


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a\nb", "a\0b", "-x", ".x", "ä", "x" * 65, "a b", "a;b"])
def test_unsafe_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CertificateError):
        check_name(name)
    with pytest.raises(CertificateError):
        Authority.open(tmp_path / "gate").issue(CertificateKind.NODE, name)


def test_concurrent_opens_create_one_authority(tmp_path: Path) -> None:
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


def test_a_signed_certificate_matches_its_key(tmp_path: Path) -> None:
    key = new_key()
    certificate = Authority.open(tmp_path / "gate").sign(signing_request(key, "n7"), CertificateKind.NODE, "n7")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    (tmp_path / "c.pem").write_bytes(certificate)
    (tmp_path / "k.pem").write_bytes(key)
    context.load_cert_chain(tmp_path / "c.pem", tmp_path / "k.pem")  # raises if they don't match
