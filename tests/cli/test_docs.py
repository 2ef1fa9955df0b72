"""Commands in the documentation exist and parse."""

from __future__ import annotations

import contextlib
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cyclopts.exceptions import MissingArgumentError

from frontburner.cli import app
from tests.end_to_end.conftest import TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from _pytest.mark.structures import ParameterSet

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
_BLOCK = re.compile(r"^```(?:bash|sh|console)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(frontburner [^`…]+)`")
_PLACEHOLDERS = {"N": "1", "T": "1", "ID": "room-1a2b", "HOST:PORT": "farm:8786"}


def commands(page: Path) -> list[str]:
    """Return all commands a page shows, in blocks and in sentences."""
    text = page.read_text(encoding="utf-8")
    blocks = [line.strip().removeprefix("$ ") for block in _BLOCK.findall(text) for line in block.splitlines()]
    shown = [line.removeprefix(".venv/bin/") for line in blocks]
    return [line for line in shown if line.startswith("frontburner ")]


def mentioned(page: Path) -> list[str]:
    """Return all commands a page speaks of in its sentences."""
    lines = _INLINE.findall(page.read_text(encoding="utf-8"))
    return [line.split(r" \| ")[0] for line in lines]  # what a pipe in a table leads to isn't ours


def _each(of: Callable[[Path], list[str]]) -> list[ParameterSet]:
    return [pytest.param(line, id=f"{page.stem}: {line[:60]}") for page in PAGES for line in dict.fromkeys(of(page))]


@pytest.mark.parametrize("line", _each(mentioned))
def test_mentioned_commands_exist(line: str) -> None:
    with contextlib.suppress(MissingArgumentError):
        understand(line)


@pytest.mark.parametrize("line", _each(commands))
def test_example_commands_parse(line: str) -> None:
    understand(line)


def understand(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    words = words[: words.index(">")] if ">" in words else words
    told = [_PLACEHOLDERS.get(word, word) for word in words]
    if told[-1] in ("--help", "--version"):
        told = told[:-1]
        rest = app.parse_commands(told)[2]
        assert not rest, f"there is no command {' '.join(told)}"
        return
    app.parse_args(told, exit_on_error=False, print_error=False)


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"],
        cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "frontburner job rerun" in (tmp_path / "site" / "commands" / "index.html").read_text()


def test_pages_show_commands() -> None:
    assert len(_each(commands)) > 40
