"""Tests that Windows' Python doesn't run under Wine, each with its reason; all of them run on Linux."""

from __future__ import annotations

_SERVERS = "it starts servers or the installed command, a minute each here: tests/windows has farms of Windows machines"
_SCRIPTS = "its stand-ins for programs are shell scripts"
STARTING = {
    "tests/benchmarks": _SERVERS,
    "tests/chains": _SERVERS,
    "tests/cli": _SERVERS,
    "tests/cluster/": _SERVERS,
    "tests/clusters": "it starts Slurm and SSH servers of Debian",
    "tests/control": _SERVERS,
    "tests/dispatch": _SERVERS,
    "tests/end_to_end": _SERVERS,
    "tests/farm": _SERVERS,
    "tests/gateway": _SERVERS,
    "tests/manager": _SERVERS,
    "tests/monitor": _SERVERS,
    "tests/notify": _SERVERS,
    "tests/record": _SERVERS,
    "tests/renderers/test_blender": "there is no Blender here",
    "tests/renderers/test_contract.py": "it renders with all renderers of this machine for several minutes",
    "tests/renderers/test_diagnosis.py": _SCRIPTS,
    "tests/renderers/test_odd_pictures.py": "there is no Blender here",
    "tests/renderers/test_povray": _SCRIPTS,
    "tests/renderers/test_sent_imports.py": "there is no Blender here",
    "tests/renderers/test_simulations.py": "there is no Blender here",
    "tests/renderers/test_vray.py": _SCRIPTS,
    "tests/reports": _SERVERS,
    "tests/retention": _SERVERS,
    "tests/run": _SERVERS,
    "tests/scenes": "it compares with renderers that aren't here",
    "tests/submission": _SERVERS,
    "tests/windows": "it starts Windows machines itself",
}
"""Reasons by the beginning of the name of a test that starts processes or renderers."""
LEFT_OUT = {
    "tests/node/test_pebble_internals.py::test_a_worker_that_survives_sigterm": "no process survives one on Windows",
    "tests/cluster/test_idle_detection.py::test_a_key_counts_at_once": "Windows tells of keys by no terminal's file",
}
"""Reasons by the beginning of a test's name, of any kind."""
_S3 = "the S3 server is not started here, and the client is the same everywhere"


def why_left_out(test: str, *, quick: bool) -> str | None:
    """Return the reason why a test isn't run here, by its name and whether it starts nothing."""
    reasons = LEFT_OUT if quick else LEFT_OUT | STARTING
    found = next((reason for beginning, reason in reasons.items() if test.startswith(beginning)), None)
    return found or (_S3 if "[s3" in test and not quick else None)
