"""Errors say what happened and what to do wherever they are shown."""

from __future__ import annotations

import pickle

import pytest

from storage.errors import FrontburnerError, MissingObject
from tasks.errors import UnitFailed

ERRORS = [
    FrontburnerError(reason="It broke.", remedy="Mend it."),
    MissingObject(reason="It broke.", remedy="Mend it.", url="s3://pictures", key="a"),
    UnitFailed(reason="It broke.", remedy="Mend it.", unit="u", node="n", last_words="many\nlines"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_is_a_sentence_in_logs_and_on_the_other_side_of_a_process_border(error: FrontburnerError) -> None:
    for shown in (error, pickle.loads(pickle.dumps(error))):
        assert str(shown) == "It broke. Mend it."
        assert repr(shown) == f"{type(error).__name__}: It broke. Mend it."
