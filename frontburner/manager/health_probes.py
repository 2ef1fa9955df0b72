"""Whether a part is up, asked of the part itself."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import httpx

if TYPE_CHECKING:
    from frontburner.credentials.authority import CertificateFiles

ANSWER_TIMEOUT_S = 10.0
_REFUSED = 500


class Probe(Protocol):
    """Asks a part how it is."""

    async def ask(self) -> str:
        """Return what is wrong with the part; empty if it is up."""
        ...


@dataclass(frozen=True, slots=True)
class HttpProbe:
    """A part is up that answers at an address.

    Parameters
    ----------
    papers
        By which whoever asks proves who it is and knows the part, where it speaks TLS.
    refusing
        Whether an answer that refuses is one, too: of a part that lets only some in.
    """

    url: str
    papers: CertificateFiles | None = None
    refusing: bool = False

    async def ask(self) -> str:
        """Ask it."""
        try:
            answer = await _get(self.url, self.papers)
        except (httpx.HTTPError, OSError) as error:
            return f"{self.url} doesn't answer ({error or type(error).__name__})"
        good = answer.is_success or (self.refusing and answer.status_code < _REFUSED)
        return "" if good else f"{self.url} answers {answer.status_code}"


@dataclass(frozen=True, slots=True)
class NodeProbe:
    """A node is up that has joined the scheduler.

    Parameters
    ----------
    url
        Where the scheduler says who is there.
    """

    url: str
    node: str

    async def ask(self) -> str:
        """Ask the scheduler."""
        try:
            told = (await _get(self.url, None)).json()
            names = {str(worker["name"]) for worker in told["workers"].values()}
        except (httpx.HTTPError, OSError, ValueError, KeyError, TypeError):
            return "the scheduler doesn't say who is there"
        return "" if self.node in names else "it hasn't joined the scheduler"


async def _get(url: str, papers: CertificateFiles | None) -> httpx.Response:
    verify: ssl.SSLContext | bool = False
    if papers is not None:
        verify = ssl.create_default_context(cafile=papers.authority)
        verify.load_cert_chain(papers.certificate, papers.key)
    async with httpx.AsyncClient(verify=verify, timeout=ANSWER_TIMEOUT_S, trust_env=False) as client:
        return await client.get(url)
