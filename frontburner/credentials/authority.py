"""The farm's own certificate authority: one key that never leaves its folder, and a certificate for each party.

Certificates are renewed when they are requested again, and revoked by a list that every new connection is checked
against.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from frontburner.credentials.certificates import (
    CertificateKind,
    check_name,
    fingerprint,
    hosts_of,
    key_bytes,
    new_authority,
    normalize_hosts,
    read_key,
    read_request,
    revocation_list,
    sign_certificate,
)
from frontburner.credentials.private_files import locked, write_private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

RENEW_BEFORE = timedelta(days=120)
"""A certificate that expires within this time is replaced when it is requested again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFiles:
    """Files by which a party proves its identity and verifies others.

    Parameters
    ----------
    authority
        Certificate of the authority.
    revocation_list
        List of revoked certificates, where there is one.
    """

    authority: Path
    certificate: Path
    key: Path
    revocation_list: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A certificate authority in a folder.

    Parameters
    ----------
    clock
        Returns the current time.
    """

    folder: Path
    certificate: x509.Certificate
    clock: Callable[[], datetime]

    @classmethod
    def open(cls, folder: Path, clock: Callable[[], datetime] | None = None) -> Authority:
        """Return the authority of a folder, made if there is none."""
        clock = clock or utc_now
        with locked(folder):
            if not (folder / "authority.pem").exists():
                _create(folder, clock())
            certificate = x509.load_pem_x509_certificate((folder / "authority.pem").read_bytes())
        return cls(folder=folder, certificate=certificate, clock=clock)

    @property
    def certificate_path(self) -> Path:
        """File of its certificate."""
        return self.folder / "authority.pem"

    @property
    def revocation_list(self) -> Path:
        """File of the list of revoked certificates."""
        return self.folder / "revoked.pem"

    @property
    def fingerprint(self) -> str:
        """SHA-256 of its certificate, which tokens name."""
        return fingerprint(self.certificate)

    def issue(self, kind: CertificateKind | str, name: str, hosts: Iterable[str] = ()) -> CertificateFiles:
        """Return a party's certificate files in this folder, made or renewed if due.

        Parameters
        ----------
        name
            Name of the party.
        hosts
            Names and addresses by which a server is reached.
        """
        kind, hosts = CertificateKind(kind), normalize_hosts(hosts)
        stem = f"{kind}-{check_name(name)}"
        files = CertificateFiles(
            authority=self.certificate_path,
            certificate=self.folder / f"{stem}.pem",
            key=self.folder / f"{stem}.key",
            revocation_list=self.revocation_list,
        )
        with locked(self.folder):
            if not self._is_current(files, hosts):
                key = ec.generate_private_key(ec.SECP256R1())
                certificate = self._sign(key.public_key(), kind, name, hosts)
                write_private(files.key, key_bytes(key))
                write_private(files.certificate, certificate)
        return files

    def sign(self, request: bytes, kind: CertificateKind, name: str) -> bytes:
        """Return a certificate for the key of a signing request. Nothing else in the request is used.

        Raises
        ------
        CertificateError
            When the request is invalid.
        """
        key = read_request(request)
        with locked(self.folder):
            return self._sign(key, kind, name, ())

    def revoke(self, serials: Iterable[int]) -> None:
        """Revoke certificates. All later connections are checked against the list."""
        with locked(self.folder):
            previous = x509.load_pem_x509_crl(self.revocation_list.read_bytes())
            revoked = {entry.serial_number for entry in previous} | set(serials)
            issuer_key, now = self._read_key(), self.clock()
            updated = revocation_list(
                sorted(revoked), issuer=self.certificate, issuer_key=issuer_key, now=now, previous=previous
            )
            write_private(self.revocation_list, updated)

    def _is_current(self, files: CertificateFiles, hosts: Sequence[str]) -> bool:
        if not (files.certificate.exists() and files.key.exists()):
            return False
        certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
        remaining = certificate.not_valid_after_utc - self.clock()
        return remaining > RENEW_BEFORE and hosts_of(certificate) == list(hosts)

    def _sign(self, key: ec.EllipticCurvePublicKey, kind: CertificateKind, name: str, hosts: Sequence[str]) -> bytes:
        issuer_key, now = self._read_key(), self.clock()
        return sign_certificate(key, kind, name, hosts, issuer=self.certificate, issuer_key=issuer_key, now=now)

    def _read_key(self) -> ec.EllipticCurvePrivateKey:
        return read_key((self.folder / "authority.key").read_bytes())


def utc_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def _create(folder: Path, now: datetime) -> None:
    key, certificate = new_authority(now)
    write_private(folder / "authority.key", key_bytes(key))
    write_private(folder / "revoked.pem", revocation_list((), issuer=certificate, issuer_key=key, now=now))
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    write_private(folder / "authority.pem", pem)  # last: it marks the folder as complete
