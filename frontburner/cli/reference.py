"""Write what pages say of jobs and renderers from the code, so that they can't fall behind: ``make reference``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from frontburner.jobs.identity import HOW_FIELDS
from frontburner.jobs.job import RenderJob
from tasks.renderers import RENDERERS
from tasks.renderers.files import SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterable

_DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE, RENDERERS_PAGE = _DOCS / "jobs.md", _DOCS / "renderers.md"

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
and goes on where it stopped. These fields may be changed without making it another job: {how}.

Any other field makes it another job as soon as its value is another. Finished frames and units are found all the same:
they are known by what decides their own pixels ([decision 13](decisions/0013-identities.md)).
"""


def page() -> str:
    """Return the page as it should be."""
    rows = []
    for name, field in RenderJob.model_fields.items():
        default = field.get_default(call_default_factory=True)
        shown = "required" if field.is_required() else _shown(default)
        rows.append(f"| `{name}` | {shown} | {field.description} |")
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
"""A name of each kind of build, for the table of what they can do."""
_BEGIN, _END = "<!-- capabilities -->\n", "<!-- end of capabilities -->"
_COLUMNS = (
    "renderer", "builds", "scenes", "regions exact", "samples exact", "most samples a pixel", "AOVs",
    "costs within units",
)  # fmt: skip


def renderers_page(text: str) -> str:
    """Return the page on renderers with its table as it should be."""
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return before + _BEGIN + capabilities() + _END + after


def capabilities() -> str:
    """Return a table of what each build of each renderer can do."""
    rows = [_row(_COLUMNS), _row(["---"] * len(_COLUMNS))]
    for name, adapter in RENDERERS.items():
        suffixes = ", ".join(f"`{suffix}`" for suffix, owner in SUFFIXES.items() if owner == name)
        for build in BUILDS[name]:
            able = adapter.capabilities(build)
            most = "the scene's own" if able.most_samples == 1 else str(able.most_samples or "any")
            aovs = ", ".join(sorted(able.aovs))
            facts = (_yes(able.exact_regions), _yes(able.exact_samples), most, aovs, _yes(able.costs))
            rows.append(_row((name, f"`{build}`", suffixes, *facts)))
    return "".join(rows)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _yes(value: bool) -> str:  # noqa: FBT001 - the fact itself
    return "yes" if value else ""


def _shown(default: object) -> str:
    if default in ("", None) or default in ([], {}):
        return ""
    if isinstance(default, list):
        return f"`{','.join(map(str, default))}`"
    return f"`{default}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    RENDERERS_PAGE.write_text(renderers_page(RENDERERS_PAGE.read_text(encoding="utf-8")), encoding="utf-8")
