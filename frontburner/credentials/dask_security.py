"""What Dask needs for connections on which both sides prove themselves: of strangers not a byte is read."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from distributed.security import Security

from frontburner.credentials.authority import Authority
from frontburner.credentials.certificates import Kind, is_newer_list
from frontburner.credentials.private_files import write_private

if TYPE_CHECKING:
    from frontburner.credentials.authority import CertificateFiles

OWNERS = {Kind.SERVER: "scheduler", Kind.NODE: "manager-nodes", Kind.CLIENT: "manager"}
"""What the manager's own parties are called in its folder."""
_reaching: WeakKeyDictionary[ssl.SSLContext, Path] = WeakKeyDictionary()
"""With what this process reaches others, and the list those are held against."""


class FarmSecurity(Security):  # type: ignore[misc]
    """Dask's security, with certificates that were taken back refused.

    A process that listens looks at the list at every new connection, so it needn't be started again. With what it
    reaches others is told when it learns of a new list.
    """

    def __init__(self, papers: CertificateFiles) -> None:
        own = {
            f"tls_{party}_{part}": str(path)
            for party in ("client", "scheduler", "worker")
            for part, path in (("cert", papers.certificate), ("key", papers.key))
        }
        super().__init__(
            require_encryption=True,
            tls_ca_file=str(papers.authority),
            tls_min_version=ssl.TLSVersion.TLSv1_3,
            **own,
        )
        self.revoked = papers.revoked if papers.revoked and papers.revoked.exists() else None

    def _get_tls_context(self, tls: Any, purpose: ssl.Purpose) -> ssl.SSLContext | None:  # noqa: ANN401
        context: ssl.SSLContext | None = super()._get_tls_context(tls, purpose)
        if context is not None and self.revoked is not None:
            hold_against(context, self.revoked)
        return context

    def learn(self, listed: bytes) -> None:
        """Keep a list of certificates that were taken back if it is newer than ours, and heed it from now on.

        Raises
        ------
        NotCertified
            When it isn't one that the farm's authority made.
        """
        if self.revoked is None:
            return
        if is_newer_list(listed, self.revoked.read_bytes(), Path(self.tls_ca_file).read_bytes()):
            write_private(self.revoked, listed)
        for context, revoked in list(_reaching.items()):
            if revoked == self.revoked:
                context.load_verify_locations(cafile=str(revoked))


def hold_against(context: ssl.SSLContext, revoked: Path) -> None:
    """Have a context refuse certificates that are in a list; one that listens, as the list is at each connection."""
    context.load_verify_locations(cafile=str(revoked))
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    if context.protocol is not ssl.PROTOCOL_TLS_SERVER:
        _reaching[context] = revoked
        return
    context.num_tickets = 0  # a session that is taken up again isn't held against the list
    seen = [revoked.stat().st_mtime_ns]

    def look(_connection: ssl.SSLObject, _host: str | None, own: ssl.SSLContext) -> None:
        changed = revoked.stat().st_mtime_ns
        if changed != seen[0]:
            own.load_verify_locations(cafile=str(revoked))
            seen[0] = changed

    context.sni_callback = look


def security_for(kind: Kind | str, folder: Path) -> FarmSecurity:
    """Return the security of one of the manager's own parties: its scheduler, its nodes, its commands."""
    party = Kind(kind)
    return FarmSecurity(Authority.open(folder).issue(party, OWNERS[party]))
