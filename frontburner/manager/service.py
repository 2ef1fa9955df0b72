"""A service of a farm as its supervisor sees it: its program, and the probe that checks whether it is up."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import httpx

from system.signals import END

if TYPE_CHECKING:
    from collections.abc import Mapping

    from frontburner.credentials.authority import CertificateFiles

PROBE_TIMEOUT_S = 10.0
_SERVER_ERROR = 500


class Probe(Protocol):
    """Checks whether a service is up."""

    async def check(self) -> str:
        """Return what is wrong with the service; empty if it is up."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A program that runs for as long as the farm is up.

    Parameters
    ----------
    command
        The program and its arguments, without secrets.
    address
        Where it is reached.
    needs
        Names of the services that must be up before it is started.
    stop_signal
        The signal that ends it.
    start_timeout_s
        Seconds in which it must come up.
    folder
        Its working folder; empty is the farm's.
    """

    name: str
    command: tuple[str, ...]
    address: str
    probe: Probe
    environment: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    stop_signal: int = END
    start_timeout_s: float = 180.0
    folder: str = ""


@dataclass(frozen=True, slots=True)
class HttpProbe:
    """A service is up if it answers at a URL.

    Parameters
    ----------
    files
        Certificate files, if it uses TLS.
    accept_refusal
        Whether a response with a client error counts: of a service that requires authentication.
    """

    url: str
    files: CertificateFiles | None = None
    accept_refusal: bool = False

    async def check(self) -> str:
        """Request the URL."""
        try:
            response = await _get(self.url, self.files)
        except (httpx.HTTPError, OSError) as error:
            return f"{self.url} doesn't answer ({error or type(error).__name__})"
        up = response.is_success or (self.accept_refusal and response.status_code < _SERVER_ERROR)
        return "" if up else f"{self.url} answers {response.status_code}"


@dataclass(frozen=True, slots=True)
class NodeProbe:
    """A node is up if it has joined the scheduler.

    Parameters
    ----------
    url
        Where the scheduler lists its workers.
    """

    url: str
    node: str

    async def check(self) -> str:
        """Look for the node in the scheduler's list."""
        try:
            workers = (await _get(self.url, None)).json()["workers"]
            names = {str(worker["name"]) for worker in workers.values()}
        except (httpx.HTTPError, OSError, ValueError, KeyError, TypeError):
            return "the scheduler doesn't list its nodes"
        return "" if self.node in names else "it hasn't joined the scheduler"


async def _get(url: str, files: CertificateFiles | None) -> httpx.Response:
    verify: ssl.SSLContext | bool = False
    if files is not None:
        verify = ssl.create_default_context(cafile=files.authority)
        verify.load_cert_chain(files.certificate, files.key)
    async with httpx.AsyncClient(verify=verify, timeout=PROBE_TIMEOUT_S, trust_env=False) as client:
        return await client.get(url)
