"""Generate pages of the documentation from the code: ``make reference``, and the page of commands when it is built."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from frontburner.jobs.identity import HOW_FIELDS
from frontburner.jobs.job import RenderJob
from tasks.renderers import RENDERERS, SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

_DOCS = Path(__file__).resolve().parents[2] / "docs"
JOBS_PAGE, RENDERERS_PAGE = _DOCS / "jobs.md", _DOCS / "renderers.md"
COMMANDS_PAGE = "commands.md"

HEAD = """# Jobs

A job is one document. The same fields are options of `frontburner render` (`--exr float`), parameters of the Prefect
deployments (`--param job='{"scene": …}'`, or the form in the UI) and a YAML or JSON file:

```yaml
# tonight.yaml: frontburner render tonight.yaml
scene: walk.xml          # relative to this file
frames: 1-48,60,70-90x2
size: 1920x1080
aovs: [depth, normal]
out: s3://pictures/walk
```

| field | default | meaning |
|---|---|---|
"""

TAIL = """
## What makes it another job

A job is known by its name and a digest of its document: the same document is the same job, in every later version too,
and continues where it stopped. These fields can be changed without making it another job: {how}.

A change of any other field makes it another job. Finished frames and units are found nevertheless: their identity
depends only on what determines their own pixels ([decision 13](decisions/0013-identities.md)).
"""


def jobs_page() -> str:
    """Return the text of the page on jobs."""
    rows = []
    for name, field in RenderJob.model_fields.items():
        default = field.get_default(call_default_factory=True)
        default = "required" if field.is_required() else _format_default(default)
        rows.append(f"| `{name}` | {default} | {field.description} |")
    how = ", ".join(f"`{name}`" for name in HOW_FIELDS)
    return HEAD + "\n".join(rows) + "\n" + TAIL.format(how=how)


BUILDS = {
    "mitsuba": ("llvm_ad_rgb", "scalar_rgb"),
    "blender": ("5.0.1 cpu", "3.4.1 cpu"),
    "povray": ("3.7 povray",),
    "vray": ("vray", "regions vray"),
    "max3ds": ("max3ds",),
    "null": ("1 null",),
    "specimen": ("1 numpy",),
}
"""One build name of each kind, for the table of capabilities."""
_BEGIN, _END = "<!-- capabilities -->\n", "<!-- end of capabilities -->"
_COLUMNS = (
    "renderer", "builds", "scenes", "regions exact", "samples exact", "most samples a pixel", "AOVs",
    "costs within units",
)  # fmt: skip


def renderers_page(text: str) -> str:
    """Return the text of the page on renderers, with the current table of capabilities."""
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return before + _BEGIN + capabilities() + _END + after


def capabilities() -> str:
    """Return a table of the capabilities of each build of each renderer."""
    rows = [_row(_COLUMNS), _row(["---"] * len(_COLUMNS))]
    for name, adapter in RENDERERS.items():
        suffixes = ", ".join(f"`{suffix}`" for suffix, owner in SUFFIXES.items() if owner == name)
        for build in BUILDS[name]:
            can = adapter.capabilities(build)
            most = "the scene's own" if can.max_samples == 1 else str(can.max_samples or "any")
            aovs = ", ".join(sorted(can.aovs))
            cells = (_yes(can.exact_regions), _yes(can.exact_samples), most, aovs, _yes(can.costs))
            rows.append(_row((name, f"`{build}`", suffixes, *cells)))
    return "".join(rows)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _yes(value: bool) -> str:  # noqa: FBT001 - the value itself
    return "yes" if value else ""


def _format_default(default: object) -> str:
    if default in ("", None) or default in ([], {}):
        return ""
    if isinstance(default, list):
        return f"`{','.join(map(str, default))}`"
    return f"`{default}`"


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the page of commands to the site (a hook of MkDocs)."""
    from mkdocs.structure.files import File

    from frontburner.cli import app

    commands = app.generate_docs(output_format="markdown", heading_level=2)
    text = "# Every command\n\nWhat `--help` says, on one page.\n\n" + commands.partition("\n")[2].lstrip()
    files.append(File.generated(config, COMMANDS_PAGE, content=text))
    return files


if __name__ == "__main__":
    JOBS_PAGE.write_text(jobs_page(), encoding="utf-8")
    RENDERERS_PAGE.write_text(renderers_page(RENDERERS_PAGE.read_text(encoding="utf-8")), encoding="utf-8")
