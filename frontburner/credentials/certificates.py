"""Certificates, requests for them and the list of those taken back, made from values: no folder and no clock."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

AUTHORITY_LASTS = timedelta(days=3650)
CERTIFICATE_LASTS = timedelta(days=365)
CLOCKS_APART = timedelta(hours=25)
"""A certificate is good from so long before it was made: another machine's clock or time zone may be wrong."""
MOST_NAME = 64


class Kind(StrEnum):
    """What a certificate makes of its owner."""

    SERVER = "server"
    """The manager: its scheduler and its gateway."""
    NODE = "node"
    """Works for the farm; it proves nothing about the name of a machine, so it can't pass for the gateway."""
    CLIENT = "client"
    """Calls the farm and serves nothing."""


USES = {
    Kind.SERVER: (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH),
    Kind.NODE: (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH),
    Kind.CLIENT: (ExtendedKeyUsageOID.CLIENT_AUTH,),
}


@dataclass(kw_only=True, eq=False)
class NotCertified(FrontburnerError):
    """A certificate can't be had, or what should be one can't be read."""


def new_authority(now: datetime) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """Make the key and the certificate of an authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    # Two farms' authorities have different names, so that neither is looked up for the other's certificates.
    name = _name(f"Frontburner {x509.random_serial_number():x}"[:MOST_NAME])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCKS_APART)
        .not_valid_after(now + AUTHORITY_LASTS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def signed(
    key: ec.EllipticCurvePublicKey, kind: Kind, name: str, hosts: Sequence[str] = (), *,
    issuer: x509.Certificate, issuer_key: ec.EllipticCurvePrivateKey, now: datetime,
) -> x509.Certificate:  # fmt: skip
    """Make the certificate of a party."""
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_key_usage(authority=False), True),
        (x509.ExtendedKeyUsage(USES[kind]), False),
        (x509.SubjectKeyIdentifier.from_public_key(key), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False),
    ]
    if hosts:
        extensions.append((x509.SubjectAlternativeName([_host(host) for host in hosts]), False))
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(checked_name(name), kind))
        .issuer_name(issuer.subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCKS_APART)
        .not_valid_after(min(now + CERTIFICATE_LASTS, issuer.not_valid_after_utc))
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer_key, hashes.SHA256())


def list_of_revoked(
    serials: Iterable[int],
    *,
    issuer: x509.Certificate,
    issuer_key: ec.EllipticCurvePrivateKey,
    now: datetime,
    before: x509.CertificateRevocationList | None = None,
) -> bytes:
    """Make the list of certificates that were taken back; it holds as long as the authority does.

    Parameters
    ----------
    before
        The list it takes the place of. Of two lists OpenSSL believes the later one, by whole seconds.
    """
    made = now - CLOCKS_APART
    if before is not None:
        made = max(made, before.last_update_utc + timedelta(seconds=1))
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(made)
        .next_update(issuer.not_valid_after_utc)
        .add_extension(x509.CRLNumber(int(now.timestamp() * 1000)), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    for number in serials:
        entry = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(now).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def is_newer_list(offered: bytes, held: bytes, authority: bytes) -> bool:
    """Whether a list of certificates that were taken back was made after the one that is held.

    Raises
    ------
    NotCertified
        When it isn't one that the authority made.
    """
    try:
        listed = x509.load_pem_x509_crl(offered)
        issuer = x509.load_pem_x509_certificate(authority)
        genuine = listed.issuer == issuer.subject and listed.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
    except (ValueError, TypeError):
        genuine = False
    if not genuine:
        raise NotCertified(
            reason="What was sent as the list of certificates that were taken back isn't one of this farm's authority.",
            remedy="Find out who sent it: somebody may stand in between.",
        )
    return listed.last_update_utc > x509.load_pem_x509_crl(held).last_update_utc


def serials_in(listed: bytes) -> frozenset[int]:
    """Return the serial numbers in a list of certificates that were taken back."""
    return frozenset(entry.serial_number for entry in x509.load_pem_x509_crl(listed))


def new_key() -> bytes:
    """Return a private key, as a file has it."""
    return key_bytes(ec.generate_private_key(ec.SECP256R1()))


def request_for(key: bytes, name: str) -> bytes:
    """Return a request for a certificate, signed by its key."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(_name(checked_name(name)))
    return builder.sign(read_key(key), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def read_request(request: bytes) -> ec.EllipticCurvePublicKey:
    """Return the key a request is for. Nothing else in it counts.

    Raises
    ------
    NotCertified
        When the request can't be read, isn't signed by its key, or its key isn't of the kind that is used here.
    """
    why = "its key isn't one of the curve P-256, or didn't sign it"
    try:
        asked = x509.load_pem_x509_csr(request)
        key = asked.public_key()
        fits = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
        if fits and asked.is_signature_valid and isinstance(key, ec.EllipticCurvePublicKey):
            return key
    except Exception as error:  # noqa: BLE001 - whatever a stranger's bytes come to
        why = f"it can't be read ({type(error).__name__})"
    raise NotCertified(
        reason=f"The request for a certificate can't be used: {why}.",
        remedy="Ask with `frontburner node join` or `frontburner login`.",
    )


def read_key(key: bytes) -> ec.EllipticCurvePrivateKey:
    """Return a private key from what its file holds."""
    own = serialization.load_pem_private_key(key, password=None)
    assert isinstance(own, ec.EllipticCurvePrivateKey)
    return own


def key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return what a private key's file holds."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def certificate_bytes(certificate: x509.Certificate) -> bytes:
    """Return what a certificate's file holds."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def hosts_of(certificate: x509.Certificate) -> list[str]:
    """Return the names and addresses a certificate is for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return sorted(str(name.value) for name in names)


def as_hosts(hosts: Iterable[str]) -> list[str]:
    """Return names and addresses as a certificate has them."""
    return sorted({str(_host(host).value) for host in hosts})


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of a certificate, in hexadecimal."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def serial(certificate: bytes) -> int:
    """Return the number of a certificate."""
    return x509.load_pem_x509_certificate(certificate).serial_number


def lasts_until(certificate: bytes) -> datetime:
    """Return until when a certificate is good."""
    return x509.load_pem_x509_certificate(certificate).not_valid_after_utc


def checked_name(name: str) -> str:
    """Return a name that may stand in a certificate and be part of a file's name.

    Raises
    ------
    NotCertified
        When it may not.
    """
    allowed = name.isascii() and name[:1].isalnum() and all(sign.isalnum() or sign in "._-" for sign in name)
    if not allowed or len(name) > MOST_NAME:
        raise NotCertified(
            reason=f"{name[:MOST_NAME]!r} can't be a name.",
            remedy=f"Use letters, digits and . _ - ({MOST_NAME} at most, a letter or digit first).",
        )
    return name


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _name(common: str, kind: str = "") -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    return x509.Name([*parts, *([x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, kind)] if kind else [])])


def _host(host: str) -> x509.DNSName | x509.IPAddress:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host.encode("idna").decode("ascii"))
