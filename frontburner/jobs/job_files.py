"""Job files (YAML or JSON): telling them from scenes, and reading them unchecked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from frontburner.jobs.job import JobRefused
from system import paths
from tasks.yaml_files import read_yaml

if TYPE_CHECKING:
    from pathlib import Path


def is_job_file(path: Path) -> bool:
    """Whether a file is a job rather than a scene: YAML always, JSON when it names a scene."""
    if path.suffix.lower() != ".json":
        return path.suffix.lower() in {".yaml", ".yml"}
    try:
        return "scene" in json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return False


def read_document(path: Path) -> dict[str, Any]:
    """Read a job document from a YAML or JSON file, unchecked. A relative scene is relative to the file."""
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text) if path.suffix.lower() == ".json" else read_yaml(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise _refused(f"The job file {path} can't be read:", " ".join(str(error).split())) from None
    if not isinstance(document, dict):
        raise _refused(f"The job file {path} holds no job:", "it must be a list of fields, such as 'scene: room.xml'.")
    return with_scene_beside(path, document)


def with_scene_beside(path: Path, document: dict[str, Any]) -> dict[str, Any]:
    """Return a document read from a file, its relative scene taken as relative to that file."""
    scene = document.get("scene")
    if isinstance(scene, str) and scene and not scene.startswith("$") and paths.absolute_of(scene) is None:
        return document | {"scene": str(path.parent / paths.expanded(paths.slashed(scene, path.parent)))}
    return document


def _refused(reason: str, problem: str) -> JobRefused:
    return JobRefused(reason=reason, remedy="", problems=(problem,))
