"""Since when nobody has used a machine: what Windows tells, and what is said where nothing is told."""

from __future__ import annotations

import sys

import pytest

from system.idle import LastInput, close, last_input

on_windows = pytest.mark.skipif(sys.platform != "win32", reason="it is Windows that tells so")


def test_this_machine_is_asked_without_an_error() -> None:
    found = last_input()
    assert found.age_s is None or found.age_s >= 0
    assert str(found)
    close()


def test_what_cannot_be_seen_is_said() -> None:
    assert str(LastInput(blind="It is a service.")) == "It is a service."
    assert str(LastInput(age_s=1.0, seen_by=("Windows",))) == "keys and mouse are seen by Windows"


@on_windows
def test_windows_tells_the_age_though_its_clock_began_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("win32api.GetTickCount", lambda: 2_000)
    monkeypatch.setattr("win32api.GetLastInputInfo", lambda: (1 << 32) - 500)
    assert last_input().age_s == 2.5


@on_windows
def test_a_service_of_windows_says_that_it_sees_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("win32ts.ProcessIdToSessionId", lambda _: 0)
    found = last_input()
    assert found.age_s is None
    assert "service" in found.blind
