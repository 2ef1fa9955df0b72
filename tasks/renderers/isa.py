"""Names the processor's instruction set, on which pixels depend: compilers round differently on each."""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path

_LEVELS = (
    ("avx512", {"avx512f", "avx512vl", "avx512bw", "avx512dq"}),
    ("avx2", {"avx2", "fma"}),
    ("avx", {"avx"}),
)


def cpu_flags() -> frozenset[str]:
    """Return the feature flags of this machine's processor, empty where the system doesn't list them."""
    return frozenset(_cpu_line("flags").split() or _cpu_line("Features").split())


def cpu_model() -> str:
    """Return the processor's model name."""
    return _cpu_line("model name") or platform.processor() or platform.machine()


@cache
def isa() -> str:
    """Return the widest instruction set a just-in-time compiler would use here, such as ``x86_64 avx512``."""
    flags = cpu_flags()
    level = next((name for name, needed in _LEVELS if needed <= flags), "")
    return f"{platform.machine()} {level}".strip()


@cache
def _cpu_line(key: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == key), "")
