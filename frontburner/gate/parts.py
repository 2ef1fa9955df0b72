"""What a local part of the manager needs in its environment, so that it speaks TLS and its pages fit the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from frontburner.gate.authority import Authority
from frontburner.gate.certificates import Kind
from frontburner.gate.rights import API, PREFECT
from frontburner.gate.security import OWNERS

if TYPE_CHECKING:
    from pathlib import Path


def dask_variables(kind: Kind | str, folder: Path) -> dict[str, str]:
    """Return what makes Dask's own programs believe the farm's parties and nobody else: paths, no secrets.

    Parameters
    ----------
    kind
        ``server`` for the scheduler, ``node`` for nodes of this machine, ``client`` for what only calls.
    """
    party = Kind(kind)
    papers = Authority.open(folder).issue(party, OWNERS[party])
    found = {
        "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "true",
        "DASK_DISTRIBUTED__COMM__TLS__CA_FILE": str(papers.authority),
        "DASK_DISTRIBUTED__COMM__TLS__MIN_VERSION": "1.3",
    }
    for side in ("CLIENT", "SCHEDULER", "WORKER"):
        found[f"DASK_DISTRIBUTED__COMM__TLS__{side}__CERT"] = str(papers.certificate)
        found[f"DASK_DISTRIBUTED__COMM__TLS__{side}__KEY"] = str(papers.key)
    return found


def prefect_variables() -> dict[str, str]:
    """Return what the Prefect server needs so that its pages work behind the gateway. It listens on loopback alone."""
    return {"PREFECT_UI_SERVE_BASE": PREFECT, "PREFECT_UI_API_URL": API}
