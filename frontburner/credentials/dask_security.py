"""Mutual TLS for Dask: which certificate a process presents, and which certificates it refuses.

Nothing is read from a peer without a certificate of the farm's authority.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from distributed.security import Security

from frontburner.credentials.authority import Authority
from frontburner.credentials.certificates import CertificateKind, is_newer_revocation_list
from frontburner.credentials.membership import PERSON, read_membership
from frontburner.credentials.private_files import write_private
from frontburner.settings import Settings
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from frontburner.credentials.authority import CertificateFiles

TLS = "tls://"
DASK_CONFIG = {"distributed.client.security-loader": "frontburner.credentials.dask_security.security_loader"}
"""Has Dask clients that others create, such as Prefect's, use this module too."""
CERTIFICATE_NAMES = {
    CertificateKind.SERVER: "scheduler",
    CertificateKind.NODE: "manager-nodes",
    CertificateKind.CLIENT: "manager",
}
"""Names of the manager's own certificates in its folder."""
_client_contexts: WeakKeyDictionary[ssl.SSLContext, Path] = WeakKeyDictionary()
"""Contexts by which this process connects to others, each with its revocation list."""


class FarmSecurity(Security):  # type: ignore[misc]
    """Dask's security, with revoked certificates refused.

    A listening process rereads the list at every new connection, so it needn't be restarted. Its outgoing
    connections use a new list after `update_revocation_list`.
    """

    def __init__(self, files: CertificateFiles) -> None:
        paths = {
            f"tls_{party}_{part}": str(path)
            for party in ("client", "scheduler", "worker")
            for part, path in (("cert", files.certificate), ("key", files.key))
        }
        super().__init__(
            require_encryption=True,
            tls_ca_file=str(files.authority),
            tls_min_version=ssl.TLSVersion.TLSv1_3,
            **paths,
        )
        has_list = files.revocation_list and files.revocation_list.exists()
        self.revocation_list = files.revocation_list if has_list else None

    def get_connection_args(self, role: str) -> dict[str, Any]:
        """Return the arguments of outgoing connections."""
        return self._refusing_revoked(super().get_connection_args(role))

    def get_listen_args(self, role: str) -> dict[str, Any]:
        """Return the arguments of listening sockets."""
        return self._refusing_revoked(super().get_listen_args(role))

    def _refusing_revoked(self, args: dict[str, Any]) -> dict[str, Any]:
        if args["ssl_context"] is not None and self.revocation_list is not None:
            refuse_revoked(args["ssl_context"], self.revocation_list)
        return args

    def update_revocation_list(self, crl: bytes) -> None:
        """Save a revocation list if it is newer than the current one, and use it from now on.

        Raises
        ------
        CertificateError
            When the farm's authority didn't sign it.
        """
        if self.revocation_list is None:
            return
        if is_newer_revocation_list(crl, self.revocation_list.read_bytes(), Path(self.tls_ca_file).read_bytes()):
            write_private(self.revocation_list, crl)
        for context, revocation_list in list(_client_contexts.items()):
            if revocation_list == self.revocation_list:
                context.load_verify_locations(cafile=str(revocation_list))


def refuse_revoked(context: ssl.SSLContext, revocation_list: Path) -> None:
    """Have a context refuse certificates in a list. A listening context rereads a changed list at each connection."""
    context.load_verify_locations(cafile=str(revocation_list))
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    if context.protocol is not ssl.PROTOCOL_TLS_SERVER:
        _client_contexts[context] = revocation_list
        return
    context.num_tickets = 0  # a resumed session isn't checked against the list
    loaded_ns = revocation_list.stat().st_mtime_ns

    def reload(_connection: ssl.SSLObject, _host: str | None, listener: ssl.SSLContext) -> None:
        nonlocal loaded_ns
        modified_ns = revocation_list.stat().st_mtime_ns
        if modified_ns != loaded_ns:
            listener.load_verify_locations(cafile=str(revocation_list))
            loaded_ns = modified_ns

    context.sni_callback = reload


def credentials_folder(home: Path | None = None) -> Path:
    """Return the folder of the authority and the tokens of the farm this machine manages."""
    return (home or Settings().home) / "gate"


def security_for(kind: CertificateKind | str, folder: Path) -> FarmSecurity:
    """Return the security of the manager's own scheduler, nodes or commands."""
    kind = CertificateKind(kind)
    return FarmSecurity(Authority.open(folder).issue(kind, CERTIFICATE_NAMES[kind]))


def security_at(address: str) -> FarmSecurity | None:
    """Return the security for connections to a scheduler: a node's, the logged-in user's, or the manager's.

    None for an address without TLS, which is on this machine.

    Raises
    ------
    FrontburnerError
        When the scheduler requires a certificate and this machine has none.
    """
    if not address.startswith(TLS):
        return None
    settings = Settings()
    member = read_membership(settings.home, settings.member)
    is_manager = (credentials_folder() / "authority.key").exists()
    if member and member.has_certificate and not (is_manager and address != member.scheduler):
        return FarmSecurity(member.files)
    if is_manager and settings.member == PERSON:
        return security_for(CertificateKind.NODE, credentials_folder())  # a node's: nodes run on the manager too
    raise FrontburnerError(
        reason=f"The scheduler {address} requires a certificate, and this machine has none.",
        remedy="Log in with a token of the role operate: `frontburner login https://MANAGER:8700`.",
    )


def connection_args(address: str) -> dict[str, Any]:
    """Return Dask's arguments for a connection to a scheduler without a client."""
    security = security_at(address)
    args: dict[str, Any] = security.get_connection_args("client") if security else {}
    return args


def security_loader(info: Mapping[str, Any]) -> FarmSecurity | None:
    """Return the security of a Dask client for an address. Dask calls this."""
    return security_at(str(info["address"]))
