"""Certificates, signing requests and revocation lists, made from values: no files and no clock."""

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

AUTHORITY_LIFETIME = timedelta(days=3650)
CERTIFICATE_LIFETIME = timedelta(days=365)
CLOCK_SKEW = timedelta(hours=25)
"""Certificates are valid from this long before they were made: another machine's clock or time zone may be wrong."""
MAX_NAME_LENGTH = 64
_PEM = serialization.Encoding.PEM


class CertificateKind(StrEnum):
    """What a certificate's owner may do."""

    SERVER = "server"
    """Serve as the manager: its scheduler and its gateway."""
    NODE = "node"
    """Work for the farm. It names no host, so it can't pass for the gateway."""
    CLIENT = "client"
    """Call the farm and serve nothing."""


EXTENDED_KEY_USAGES = {
    CertificateKind.SERVER: (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH),
    CertificateKind.NODE: (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH),
    CertificateKind.CLIENT: (ExtendedKeyUsageOID.CLIENT_AUTH,),
}


@dataclass(kw_only=True, eq=False)
class CertificateError(FrontburnerError):
    """A certificate, signing request, revocation list or name is invalid."""


def new_authority(now: datetime) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """Return a new key and certificate of an authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    # Each farm's authority has a different name, so that neither is looked up for the other's certificates.
    name = _name(f"Frontburner {x509.random_serial_number():x}"[:MAX_NAME_LENGTH])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def sign_certificate(
    key: ec.EllipticCurvePublicKey, kind: CertificateKind, name: str, hosts: Sequence[str] = (), *,
    issuer: x509.Certificate, issuer_key: ec.EllipticCurvePrivateKey, now: datetime,
) -> bytes:  # fmt: skip
    """Return the certificate of a party in PEM."""
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_key_usage(authority=False), True),
        (x509.ExtendedKeyUsage(EXTENDED_KEY_USAGES[kind]), False),
        (x509.SubjectKeyIdentifier.from_public_key(key), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False),
    ]
    if hosts:
        extensions.append((x509.SubjectAlternativeName([_host(host) for host in hosts]), False))
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(check_name(name), kind))
        .issuer_name(issuer.subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(min(now + CERTIFICATE_LIFETIME, issuer.not_valid_after_utc))
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(_PEM)


def revocation_list(
    serials: Iterable[int], *, issuer: x509.Certificate, issuer_key: ec.EllipticCurvePrivateKey, now: datetime,
    previous: x509.CertificateRevocationList | None = None,
) -> bytes:  # fmt: skip
    """Return a list of revoked certificates that is valid as long as its authority.

    Parameters
    ----------
    previous
        The list it replaces. Of two lists OpenSSL uses the later one, by whole seconds.
    """
    updated = now - CLOCK_SKEW
    if previous is not None:
        updated = max(updated, previous.last_update_utc + timedelta(seconds=1))
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(updated)
        .next_update(issuer.not_valid_after_utc)
        .add_extension(x509.CRLNumber(int(now.timestamp() * 1000)), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    for number in serials:
        entry = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(now).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(_PEM)


def is_newer_revocation_list(offered: bytes, current: bytes, authority: bytes) -> bool:
    """Whether a revocation list is newer than the current one.

    Raises
    ------
    CertificateError
        When the authority didn't sign it.
    """
    try:
        crl = x509.load_pem_x509_crl(offered)
        issuer = x509.load_pem_x509_certificate(authority)
        genuine = crl.issuer == issuer.subject and crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
    except (ValueError, TypeError):
        genuine = False
    if not genuine:
        raise CertificateError(
            reason="The revocation list that was received isn't signed by this farm's authority.",
            remedy="Find out who sent it: the connection may be intercepted.",
        )
    return crl.last_update_utc > x509.load_pem_x509_crl(current).last_update_utc


def revoked_serials(crl: bytes) -> frozenset[int]:
    """Return the serial numbers in a revocation list."""
    return frozenset(entry.serial_number for entry in x509.load_pem_x509_crl(crl))


def new_key() -> bytes:
    """Return a new private key in PEM."""
    return key_bytes(ec.generate_private_key(ec.SECP256R1()))


def signing_request(key: bytes, name: str) -> bytes:
    """Return a request for a certificate of a key, signed by it."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(_name(check_name(name)))
    return builder.sign(read_key(key), hashes.SHA256()).public_bytes(_PEM)


def read_request(request: bytes) -> ec.EllipticCurvePublicKey:
    """Return the public key of a signing request. Nothing else in it is used.

    Raises
    ------
    CertificateError
        When the request can't be read, isn't signed by its key, or its key isn't on the curve P-256.
    """
    problem = "its key isn't on the curve P-256, or didn't sign it"
    try:
        parsed = x509.load_pem_x509_csr(request)
        key = parsed.public_key()
        on_curve = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
        if on_curve and parsed.is_signature_valid and isinstance(key, ec.EllipticCurvePublicKey):
            return key
    except Exception as error:  # noqa: BLE001 - untrusted bytes may raise anything
        problem = f"it can't be read ({type(error).__name__})"
    raise CertificateError(
        reason=f"The certificate signing request is invalid: {problem}.",
        remedy="Use `frontburner node join` or `frontburner login`, which make a valid one.",
    )


def read_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """Return a private key from PEM."""
    key = serialization.load_pem_private_key(pem, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a private key as PEM."""
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def hosts_of(certificate: x509.Certificate) -> list[str]:
    """Return the names and addresses a certificate is valid for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return sorted(str(name.value) for name in names)


def normalize_hosts(hosts: Iterable[str]) -> list[str]:
    """Return names and addresses as a certificate holds them: sorted, each once, names in IDNA."""
    return sorted({str(_host(host).value) for host in hosts})


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of a certificate in hexadecimal."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def serial_number(certificate: bytes) -> int:
    """Return the serial number of a certificate."""
    return x509.load_pem_x509_certificate(certificate).serial_number


def expires_at(certificate: bytes) -> datetime:
    """Return when a certificate expires."""
    return x509.load_pem_x509_certificate(certificate).not_valid_after_utc


def check_name(name: str) -> str:
    """Return a name if it may be used in a certificate and in a file's name.

    Raises
    ------
    CertificateError
        When it may not.
    """
    valid = name.isascii() and name[:1].isalnum() and all(char.isalnum() or char in "._-" for char in name)
    if not valid or len(name) > MAX_NAME_LENGTH:
        raise CertificateError(
            reason=f"{name[:MAX_NAME_LENGTH]!r} isn't a valid name.",
            remedy=f"Use letters, digits and . _ - ({MAX_NAME_LENGTH} at most, a letter or digit first).",
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
