"""Tokens: what is stored, what is refused, and how they expire and are revoked."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from frontburner.credentials.tokens import Role, TokenRefused, TokenStore, read_token
from storage.errors import FrontburnerError
from system.files import others_may_read

if TYPE_CHECKING:
    from pathlib import Path

AUTHORITY = "ab" * 32


class Clock:
    def __init__(self) -> None:
        self.at = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(tmp_path: Path, clock: Clock) -> TokenStore:
    return TokenStore(path=tmp_path / "gate" / "tokens.json", clock=clock)


def test_a_token_is_accepted_and_its_secret_isnt_stored(tokens: TokenStore) -> None:
    shown = tokens.add("anna", Role.LOOK, authority=AUTHORITY)
    assert tokens.check(str(shown)).name == "anna"
    kept = tokens.path.read_text()
    assert shown.secret not in kept
    assert not others_may_read(tokens.path)
    assert shown.secret not in repr(shown)
    assert read_token(f" {shown}\n").authority == AUTHORITY


def test_a_wrong_secret_is_refused_like_an_unknown_token(tokens: TokenStore) -> None:
    shown = tokens.add("anna", Role.LOOK, authority=AUTHORITY)
    other = str(shown).replace(shown.secret, "A" * len(shown.secret))
    unknown = str(shown).replace(shown.key, "0" * len(shown.key))
    sentences = set()
    for text in (other, unknown):
        with pytest.raises(TokenRefused) as refused:
            tokens.check(text)
        sentences.add(str(refused.value))
        assert shown.secret not in str(refused.value)
    assert len(sentences) == 1, "the error doesn't reveal which keys exist"


@pytest.mark.parametrize("text", ["", "fb1", "fb1.0.0.0", "x" * 10_000, f"fb1.{'0' * 12}.{'é' * 43}.{AUTHORITY}"])
def test_malformed_text_is_refused_and_not_repeated(tokens: TokenStore, text: str) -> None:
    with pytest.raises(TokenRefused) as refused:
        tokens.check(text)
    assert len(text) < 8 or text not in str(refused.value)


def test_a_token_expires(tokens: TokenStore, clock: Clock) -> None:
    shown = str(tokens.add("anna", Role.LOOK, authority=AUTHORITY, lifetime=timedelta(days=30)))
    clock.at += timedelta(days=30) - timedelta(seconds=1)
    assert tokens.check(shown).name == "anna"
    clock.at += timedelta(seconds=1)
    with pytest.raises(TokenRefused, match="expired at 2026-03-31"):
        tokens.check(shown)


def test_revocation_applies_to_other_processes_and_to_tokens_of_nodes(tokens: TokenStore, clock: Clock) -> None:
    gateway = TokenStore(path=tokens.path, clock=clock)
    rack = tokens.add("rack", Role.NODE, authority=AUTHORITY)
    own = tokens.add("node-n7", Role.NODE, authority=AUTHORITY, node="n7", parent=rack.key)
    tokens.add_serial(own.key, 77)
    anna = tokens.add("anna", Role.LOOK, authority=AUTHORITY)
    assert gateway.check(str(own)).serials == (77,)
    gone = tokens.revoke("rack")
    assert {token.name: token.serials for token in gone} == {"rack": (), "node-n7": (77,)}
    for shown in (rack, own):
        with pytest.raises(TokenRefused):
            gateway.check(str(shown))
    assert gateway.check(str(anna)).name == "anna"


def test_names_are_unique_and_unknown_ones_are_refused(tokens: TokenStore) -> None:
    tokens.add("anna", Role.LOOK, authority=AUTHORITY)
    with pytest.raises(FrontburnerError, match="A token called anna exists already"):
        tokens.add("anna", Role.OPERATE, authority=AUTHORITY)
    with pytest.raises(FrontburnerError, match="tokens are anna"):
        tokens.revoke("berta")
    with pytest.raises(FrontburnerError, match="isn't a valid name"):
        tokens.add("../anna", Role.LOOK, authority=AUTHORITY)
    assert [token["name"] for token in json.loads(tokens.path.read_text())["tokens"]] == ["anna"]
