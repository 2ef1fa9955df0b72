"""YAML files that people write, read as they are written: what a field is made of is for its model to say."""

from __future__ import annotations

from typing import Any

import yaml

_KEPT = {"tag:yaml.org,2002:null", "tag:yaml.org,2002:merge"}


class _AsWritten(yaml.SafeLoader):
    """Leaves every word and number its text, where YAML 1.1 takes 0010 for 8, 12:30 for 750 and `no` for false."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own way
        first: [resolver for resolver in resolvers if resolver[0] in _KEPT]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def read_yaml(text: str) -> Any:  # noqa: ANN401 - whatever the document holds
    """Read a document of mappings, lists and texts. Empty values and ``null`` are None.

    Raises
    ------
    yaml.YAMLError
        When it isn't YAML.
    """
    return yaml.load(text, Loader=_AsWritten)  # noqa: S506 - a SafeLoader that does less
