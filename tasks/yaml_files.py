"""YAML files written by people, read without guessing types: each field's model says what its text means."""

from __future__ import annotations

from typing import Any

import yaml

_KEPT_TAGS = {"tag:yaml.org,2002:null", "tag:yaml.org,2002:merge"}


class _TextLoader(yaml.SafeLoader):
    """Leaves every word and number as text, where YAML 1.1 reads 0010 as 8, 12:30 as 750 and `no` as false."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own way
        first: [resolver for resolver in resolvers if resolver[0] in _KEPT_TAGS]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def read_yaml(text: str) -> Any:  # noqa: ANN401 - whatever the document holds
    """Read a document of mappings, lists and texts. Empty values and ``null`` are None.

    Raises
    ------
    yaml.YAMLError
        When it isn't YAML.
    """
    return yaml.load(text, Loader=_TextLoader)  # noqa: S506 - a SafeLoader that does less
