"""Files, folders and names that the documentation mentions exist, and the architecture page has all layers."""

from __future__ import annotations

import pkgutil
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")])
_PATH = re.compile(r"`((?:frontburner|tasks|storage|flows|tests|benchmarks|docs|scenes|addons)/[\w./*-]+)`")
_FILE = re.compile(r"`(\w+\.py)`")
_FILES = {
    path.name
    for folder in ("frontburner", "tasks", "storage", "flows", "tests")
    for path in (ROOT / folder).rglob("*.py")
} | {path.name for path in ROOT.glob("*.py")}
_NAME = re.compile(r"`((?:frontburner|tasks|storage|flows)(?:\.\w+)+)[`(]")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_on_a_page_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    missing = [path for path in _PATH.findall(text) if not any(ROOT.glob(path))]
    missing += sorted({*_FILE.findall(text)} - _FILES)
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_names_on_a_page_exist(page: Path) -> None:
    for name in _NAME.findall(page.read_text(encoding="utf-8")):
        pkgutil.resolve_name(name)


def test_the_architecture_page_has_every_layer_in_order() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    rows = re.findall(r"^\| `([\w/.*]+)` \|", (DOCS / "architecture.md").read_text(encoding="utf-8"), re.MULTILINE)
    shown = [row.removesuffix(".py").replace("/", ".") for row in rows]
    layers = [layer for line in contracts[0]["layers"] for layer in re.findall(r"[\w.]+", line)]
    folders = [layer for layer in layers if any((ROOT / layer.replace(".", "/")).glob("*.py")) or layer in shown]
    assert [layer for layer in shown if layer != "tasks.*"] == folders


def test_every_decision_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert all(f"decisions/{page.name}" in navigation for page in (DOCS / "decisions").glob("*.md"))
