"""Settings of Prefect that go to nodes with each step: none of them lets anybody in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cloudpickle
from prefect.context import SettingsContext, serialize_context, use_profile
from prefect.settings import PREFECT_API_KEY, Profile

from frontburner.farm.step_runner import _Shared

if TYPE_CHECKING:
    import pytest

SECRETS = {
    "PREFECT_API_AUTH_STRING": "anna:open-sesame",
    "PREFECT_API_KEY": "key-of-keys",
    "PREFECT_CLIENT_CUSTOM_HEADERS": '{"x-token": "header-secret"}',
    "PREFECT_SERVER_DATABASE_CONNECTION_URL": "postgresql+asyncpg://u:database-secret@h/d",
    "PREFECT_SERVER_API_AUTH_STRING": "server-secret",
}
WORDS = ("open-sesame", "key-of-keys", "header-secret", "database-secret", "server-secret", "key-of-the-profile")


def _sent(monkeypatch: pytest.MonkeyPatch, *, encrypted: bool) -> dict[str, object]:
    """What a step takes along."""
    for name, value in (SECRETS | {"PREFECT_API_URL": "http://127.0.0.1:4242/api"}).items():
        monkeypatch.setenv(name, value)
    with use_profile(
        Profile(name="studio", settings={PREFECT_API_KEY: "key-of-the-profile"}), include_current_context=False
    ):
        current = SettingsContext.get()
        assert current is not None
        assert current.settings.api.auth_string is not None
        with _Shared(profile=current.profile, settings=current.settings, encrypted=encrypted):
            found: dict[str, object] = serialize_context()["settings_context"]
    return found


def test_no_secret_goes_along(monkeypatch: pytest.MonkeyPatch) -> None:
    for encrypted in (False, True):
        pickled = cloudpickle.dumps(_sent(monkeypatch, encrypted=encrypted))
        assert not [word for word in WORDS if word.encode() in pickled]


def test_a_node_of_a_farm_here_is_told_where_prefect_is_and_others_know_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here, elsewhere = _sent(monkeypatch, encrypted=False), _sent(monkeypatch, encrypted=True)
    for name in SECRETS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PREFECT_API_URL", "https://manager:8700/prefect/api")
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "frontburner:of-the-node")
    with SettingsContext(**here) as found:  # type: ignore[arg-type]
        assert found.settings.api.url == "http://127.0.0.1:4242/api"
    with SettingsContext(**elsewhere) as found:  # type: ignore[arg-type]
        assert found.settings.api.url == "https://manager:8700/prefect/api"
        assert found.settings.api.auth_string is not None
        assert found.settings.api.auth_string.get_secret_value() == "frontburner:of-the-node"
