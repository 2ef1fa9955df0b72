"""The page on every command, made from the command itself while the documentation is built (a hook of mkdocs)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mkdocs.structure.files import File

from frontburner.cli import app

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

PAGE = "commands.md"


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the page."""
    files.append(File.generated(config, PAGE, content=page()))
    return files


def page() -> str:
    """Return the page."""
    told = app.generate_docs(output_format="markdown", heading_level=2)
    return "# Every command\n\nWhat `--help` says, on one page.\n\n" + told.partition("\n")[2].lstrip()
