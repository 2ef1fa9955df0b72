"""Write ``docs/jobs.md`` from the job document itself, so that it can't fall behind: ``make reference``."""

from __future__ import annotations

from pathlib import Path

from flows.job import RenderJob

PAGE = Path(__file__).resolve().parents[2] / "docs" / "jobs.md"

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


def page() -> str:
    """Return the page as it should be."""
    rows = []
    for name, field in RenderJob.model_fields.items():
        default = field.get_default(call_default_factory=True)
        shown = "required" if field.is_required() else _shown(default)
        rows.append(f"| `{name}` | {shown} | {field.description} |")
    return HEAD + "\n".join(rows) + "\n"


def _shown(default: object) -> str:
    if default in ("", None) or default in ([], {}):
        return ""
    if isinstance(default, list):
        return f"`{','.join(map(str, default))}`"
    return f"`{default}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
