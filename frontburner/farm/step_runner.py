"""How steps of a job go to nodes by Prefect: with what a node must know, and without what lets anybody in.

Prefect sends all its settings along with every step. A node has credentials of its own; ours stay here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect.context import SettingsContext
from prefect_dask.task_runners import DaskTaskRunner

from frontburner.gate.identity import TLS

if TYPE_CHECKING:
    from prefect_dask.task_runners import PrefectDaskFuture

_SECRET = {"api": ("auth_string", "key"), "client": ("custom_headers",)}
_OWN = {"api": ("url", "ssl_cert_file", "tls_insecure_skip_verify")}
"""What a node of a farm with a gateway has been told when it was let in."""


class StepRunner(DaskTaskRunner):
    """Prefect's task runner on Dask, that keeps secrets to itself."""

    def submit(self, *args: Any, **kwargs: Any) -> PrefectDaskFuture[Any]:  # type: ignore[override]  # noqa: ANN401
        """Send a step to a node."""
        current = SettingsContext.get()
        assert current is not None
        encrypted = self.client.scheduler.address.startswith(TLS)
        with _Shared(profile=current.profile, settings=current.settings, encrypted=encrypted):
            return super().submit(*args, **kwargs)


class _Shared(SettingsContext):
    """Settings as they are sent."""

    encrypted: bool

    def serialize(self, include_secrets: bool = True) -> dict[str, Any]:  # noqa: FBT001, FBT002 - as Prefect has it
        return shared(super().serialize(include_secrets=include_secrets), encrypted=self.encrypted)


def shared(context: dict[str, Any], *, encrypted: bool) -> dict[str, Any]:
    """Return Prefect's settings as a node may have them. What is left out it finds in its own environment.

    Parameters
    ----------
    encrypted
        Whether nodes were let in one by one, so that each knows how it reaches Prefect.
    """
    settings = {name: value for name, value in context["settings"].items() if name != "server"}
    for group, names in (*_SECRET.items(), *(_OWN.items() if encrypted else ())):
        if group in settings:
            settings[group] = {name: value for name, value in settings[group].items() if name not in names}
    return {"profile": context["profile"] | {"settings": {}}, "settings": settings}
