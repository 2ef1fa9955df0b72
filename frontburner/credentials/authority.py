"""The farm's own certificate authority: one key that never leaves its folder, and a certificate for each party.

Certificates are renewed when they are asked for again, and taken back by a list that every new connection is held
against.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from frontburner.credentials.certificates import (
    Kind,
    as_hosts,
    certificate_bytes,
    checked_name,
    fingerprint,
    hosts_of,
    key_bytes,
    list_of_revoked,
    new_authority,
    read_key,
    read_request,
    signed,
)
from frontburner.credentials.private_files import locked, write_private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

RENEW_LEFT = timedelta(days=120)
"""A certificate that is good for no longer than this is made anew when it is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFiles:
    """Files by which a party proves who it is, and by which it knows the others.

    Parameters
    ----------
    authority
        The certificate of the authority.
    revoked
        The list of certificates that were taken back, where there is one.
    """

    authority: Path
    certificate: Path
    key: Path
    revoked: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A certificate authority in a folder.

    Parameters
    ----------
    clock
        Tells what time it is.
    """

    folder: Path
    certificate: x509.Certificate
    clock: Callable[[], datetime]

    @classmethod
    def open(cls, folder: Path, clock: Callable[[], datetime] | None = None) -> Authority:
        """Return the authority of a folder, made if there is none."""
        tell = clock or now
        with locked(folder):
            if not (folder / "authority.pem").exists():
                _make(folder, tell())
            certificate = x509.load_pem_x509_certificate((folder / "authority.pem").read_bytes())
        return cls(folder=folder, certificate=certificate, clock=tell)

    @property
    def path(self) -> Path:
        """The file of its certificate."""
        return self.folder / "authority.pem"

    @property
    def revoked(self) -> Path:
        """The file of the list of certificates that were taken back."""
        return self.folder / "revoked.pem"

    @property
    def fingerprint(self) -> str:
        """What it is known by: SHA-256 of its certificate."""
        return fingerprint(self.certificate)

    def issue(self, kind: Kind | str, name: str, hosts: Iterable[str] = ()) -> CertificateFiles:
        """Return a party's papers in this folder, made or renewed if that is due.

        Parameters
        ----------
        name
            What the party is called.
        hosts
            Names and addresses by which a server is reached.
        """
        kind, wanted = Kind(kind), as_hosts(hosts)
        stem = f"{kind}-{checked_name(name)}"
        papers = CertificateFiles(
            authority=self.path,
            certificate=self.folder / f"{stem}.pem",
            key=self.folder / f"{stem}.key",
            revoked=self.revoked,
        )
        with locked(self.folder):
            if not self._good(papers, wanted):
                key = ec.generate_private_key(ec.SECP256R1())
                certificate = self._signed(key.public_key(), kind, name, wanted)
                write_private(papers.key, key_bytes(key))
                write_private(papers.certificate, certificate)
        return papers

    def sign(self, request: bytes, kind: Kind, name: str) -> bytes:
        """Return a certificate for the key of a request. Nothing else in the request counts.

        Raises
        ------
        NotCertified
            When the request can't be used.
        """
        key = read_request(request)
        with locked(self.folder):
            return self._signed(key, kind, name, ())

    def revoke(self, serials: Iterable[int]) -> None:
        """Take certificates back. Connections that begin from now on are held against the list."""
        with locked(self.folder):
            before = x509.load_pem_x509_crl(self.revoked.read_bytes())
            numbers = {entry.serial_number for entry in before} | set(serials)
            key = read_key((self.folder / "authority.key").read_bytes())
            made = list_of_revoked(
                sorted(numbers), issuer=self.certificate, issuer_key=key, now=self.clock(), before=before
            )
            write_private(self.revoked, made)

    def _good(self, papers: CertificateFiles, hosts: Sequence[str]) -> bool:
        if not (papers.certificate.exists() and papers.key.exists()):
            return False
        certificate = x509.load_pem_x509_certificate(papers.certificate.read_bytes())
        left = certificate.not_valid_after_utc - self.clock()
        return left > RENEW_LEFT and hosts_of(certificate) == list(hosts)

    def _signed(self, key: ec.EllipticCurvePublicKey, kind: Kind, name: str, hosts: Sequence[str]) -> bytes:
        own = read_key((self.folder / "authority.key").read_bytes())
        certificate = signed(key, kind, name, hosts, issuer=self.certificate, issuer_key=own, now=self.clock())
        return certificate_bytes(certificate)


def now() -> datetime:
    """Return the time on this machine's clock."""
    return datetime.now(UTC)


def _make(folder: Path, at: datetime) -> None:
    key, certificate = new_authority(at)
    write_private(folder / "authority.key", key_bytes(key))
    write_private(folder / "revoked.pem", list_of_revoked((), issuer=certificate, issuer_key=key, now=at))
    write_private(folder / "authority.pem", certificate_bytes(certificate))  # the last: with it, all is there
