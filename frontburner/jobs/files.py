"""Job files: which files they are, and what they say, unchecked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from frontburner.jobs.job import JobRefused
from tasks.yaml_files import read_yaml


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
        raise JobRefused(
            reason=f"The job file {path} can't be read:", remedy="", problems=(" ".join(str(error).split()),)
        ) from None
    if not isinstance(document, dict):
        raise JobRefused(
            reason=f"The job file {path} holds no job:",
            remedy="",
            problems=("it must be a list of fields, such as 'scene: room.xml'.",),
        )
    return beside(path, document)


def beside(path: Path, document: dict[str, Any]) -> dict[str, Any]:
    """Return a job document that was read from a file, with its relative scene taken as relative to that."""
    scene = document.get("scene")
    if isinstance(scene, str) and scene and not scene.startswith("$") and not Path(scene).is_absolute():
        return document | {"scene": str(path.parent / Path(scene).expanduser())}
    return document
