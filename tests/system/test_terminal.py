"""Text that a console lacks doesn't stop a command, and shells read the variables that are printed for them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from system.terminal import set_variable

PRINTING = r"import system.terminal; system.terminal.prepare_output(); print('\u2192 \u00fc \u2026', flush=True)"


@pytest.mark.skipif(sys.platform != "win32", reason="terminals elsewhere have all letters")
def test_what_a_console_lacks_is_printed_as_a_question_mark() -> None:
    environment = {**os.environ, "PYTHONUTF8": "0", "PYTHONIOENCODING": "cp1252"}
    printed = subprocess.run([sys.executable, "-c", PRINTING], env=environment, stdout=subprocess.PIPE, check=True)
    assert printed.stdout.decode("cp1252").strip() == "? ü …"


def test_a_variable_is_set_whatever_it_holds() -> None:
    value = r"it's $HOME, C:\a b"
    line = set_variable("FRONTBURNER_TRIED", value)
    if sys.platform == "win32":  # Wine has no PowerShell
        assert line == r"$env:FRONTBURNER_TRIED = 'it''s $HOME, C:\a b'"
    else:
        told = subprocess.run(
            ["sh", "-c", f'{line}; printf %s "$FRONTBURNER_TRIED"'], stdout=subprocess.PIPE, check=True
        )
        assert told.stdout.decode() == value
