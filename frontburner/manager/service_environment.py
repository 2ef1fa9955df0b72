"""What a local part of the manager needs in its environment, so that its pages fit the gateway."""

from __future__ import annotations

from frontburner.credentials.permissions import API, PREFECT


def prefect_variables() -> dict[str, str]:
    """Return what the Prefect server needs so that its pages work behind the gateway. It listens on loopback alone."""
    return {"PREFECT_UI_SERVE_BASE": PREFECT, "PREFECT_UI_API_URL": API}
