"""A package that only some machines have: what needs it says so, and how it is installed."""

from __future__ import annotations

import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tasks.extras import EXTRAS, NotInstalled, require

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize("package", EXTRAS)
def test_one_that_is_installed(package: str) -> None:
    require(package, "This")
    assert package in sys.modules


def test_one_whose_own_parts_are_missing_says_so_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_name: str) -> None:
        raise ModuleNotFoundError("No module named 'av._core'", name="av._core")

    monkeypatch.setattr("tasks.extras.import_module", broken)
    with pytest.raises(ModuleNotFoundError, match="_core"):
        require("av", "A movie")


@pytest.mark.parametrize("package", EXTRAS)
def test_one_that_isn_t_installed(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr("tasks.extras.import_module", missing)
    with pytest.raises(
        NotInstalled, match=rf"This needs the Python package {package}.*frontburner\[{EXTRAS[package]}\]"
    ):
        require(package, "This")


def test_each_extra_is_one_of_the_package_s() -> None:
    extras = PROJECT["optional-dependencies"]
    assert {"mitsuba", *EXTRAS.values()} <= extras.keys()
    for package, extra in EXTRAS.items():
        distributions = packages_distributions().get(package, [package])
        assert any(line.startswith(tuple(distributions)) for line in extras[extra])
