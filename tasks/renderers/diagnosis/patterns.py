"""What renderers and systems print when something is wrong, and what it means: tables, read from top to bottom.

``{0}`` in a cause or remedy is the first group of the expression, ``{1}`` the second; ``{user}`` is who runs it,
``{install}`` how to get the library that the first group names, ``{memory}`` and ``{files}`` what raises those limits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from system.machine import user
from system.software import raises_limit
from tasks.renderers.diagnosis.findings import Finding
from tasks.renderers.diagnosis.libraries import install_hint

FLEXNET = {
    "-1": "its licence file can't be found",
    "-4": "all licences are in use",
    "-5": "the licence doesn't cover it",
    "-9": "the licence is for another machine",
    "-10": "its licence has expired",
    "-15": "the licence server doesn't answer",
    "-18": "the licence server doesn't offer it",
    "-21": "the licence doesn't cover this version",
    "-25": "the licence server's version is too old",
    "-88": "this machine's clock was set back, which voids its licence",
    "-96": "the licence server's name isn't known or it is down",
    "-97": "the licence server runs, but not its vendor's part",
}
"""Error numbers of the FlexNet licence manager."""

VISUAL_C = "Install Microsoft's Visual C++ Redistributable (winget install Microsoft.VCRedist.2015+.x64)."
_LICENCE = "See that the licence server runs, can be reached from this machine, and has a licence left."
_NO_LICENCE = (
    r"(?:(?:could not|couldn.t|cannot|can.t|unable to|failed to|did not) (?:obtain|get|acquire|find|check ?out)"
    r"[^\n]{0,40}licen[cs]e|licen[cs]e[^\n]{0,40}(?:error|failed|failure))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A message of a program, and its meaning.

    Parameters
    ----------
    regex
        Matched in the output, ignoring case; ``^`` and ``$`` are those of a line.
    cause, remedy
        As in `Finding`; an empty remedy leaves it to the renderer's adapter.
    transient
        Whether it may go away by itself.
    """

    regex: str
    cause: str
    remedy: str = ""
    transient: bool = False

    def finding(self, output: str) -> Finding | None:
        """Return what the message means, if the output has it."""
        match = re.search(self.regex, output, re.IGNORECASE | re.MULTILINE)
        if match is None:
            return None
        groups = [group or "" for group in match.groups()]
        values = {"user": user(), "install": install_hint(groups[0]) if groups else ""}
        values |= {"memory": raises_limit("-v"), "files": raises_limit("-n")}
        values["flexnet"] = FLEXNET.get(groups[0], f"it got no licence ({groups[0]})") if groups else ""
        cause = self.cause.format(*groups, **values).strip()
        return Finding(cause=cause, remedy=self.remedy.format(*groups, **values).strip(), transient=self.transient)


CERTAIN = (
    # Libraries and processors.
    Pattern(
        regex=r"(\S+\.so[.\d]*): failed to map segment from shared object: Operation not permitted",
        cause="{0} is on a drive from which nothing may be run (mounted noexec)",
        remedy="Mount it without noexec, or install it elsewhere.",
    ),
    Pattern(
        regex=r"(?:error while loading shared libraries: |ImportError: |OSError: )([^\s:/]\S*?\.so[.\d]*): "
        r"cannot open shared object file: No such file",
        cause="the library {0} is missing",
        remedy="{install}",
    ),
    Pattern(
        regex=r"(?:libraries: |Error: )(\S+\.so[.\d]*): cannot open shared object file: Permission denied",
        cause="the library {0} can't be read by {user}",
        remedy="Give {user} read access to it (chmod a+r).",
    ),
    Pattern(
        regex=r"(\S+\.so[.\d]*): (?:file too short|invalid ELF header|ELF load command past end of file)",
        cause="the library {0} is damaged",
    ),
    Pattern(regex=r"(\S+\.so[.\d]*): wrong ELF class: ELFCLASS(\d+)", cause="the library {0} is a {1}-bit one"),
    Pattern(
        regex=r"version [`'](GLIBC_[\d.]+)' not found",
        cause="it was built for a newer system: it needs {0}",
        remedy="Use a newer system, or a build of the renderer for this one.",
    ),
    Pattern(
        regex=r"version [`']((?:GLIBCXX|CXXABI)_[\d.]+)' not found",
        cause="the C++ library libstdc++ is too old: it lacks {0}",
        remedy="Install a newer libstdc++6, and see that LD_LIBRARY_PATH names no old one.",
    ),
    Pattern(regex=r"(\S+): undefined symbol: (\w+)", cause="{0} doesn't fit the libraries beside it: it lacks {1}"),
    Pattern(
        regex=r"DLL load failed while importing (\w+): (?:The specified module|Das angegebene Modul)",
        cause="a DLL that {0} needs is missing",
        remedy=VISUAL_C,
    ),
    Pattern(regex=r"DLL load failed while importing (\w+): ([^\n]+)", cause="a DLL of {0} can't be loaded: {1}"),
    Pattern(regex=r"LLVM ERROR: ([^:\n]{1,100})", cause="this LLVM can't compile what it is given: {0}"),
    Pattern(
        regex=r"illegal instruction|(?:needs|requires|without|lacks)[^\n]{0,40}\b(?:AVX|SSE)[\w.]*[^\n]{0,20}"
        r"(?:support|instruction|processor|cpu)|(?:cpu|processor)[^\n]{0,40}(?:does ?n.t support|without|lacks)"
        r"[^\n]{0,20}\b(?:AVX|SSE)",
        cause="the processor is too old: it lacks an instruction the renderer uses",
        remedy="Use an older build of the renderer, or leave this machine to others.",
    ),
    # Python.
    Pattern(
        regex=r"module was compiled for Python ([\d.]+), but the interpreter version is incompatible: ([\d.]+)",
        cause="it was built for Python {0}, and this is Python {1}",
    ),
    Pattern(
        regex=r"incompatible version of .?([\w.]+?).?\. Only version .?\"?([\d.]+)",
        cause="its {0} has the wrong version: it needs {1}",
    ),
    Pattern(regex=r"numpy\.dtype size changed|compiled using NumPy 1\.x", cause="it was built for another NumPy"),
    # Licences and first-run set-up: what these programs say often blames something else.
    Pattern(
        regex=r"(?:could not|cannot|can.t|unable to|failed to) read rayrc|ADP failed to start|"
        r"(?:never been|has not been|must be) (?:run|started|launched) (?:once|before)|"
        r"(?:must|please|need to) (?:first )?(?:accept|agree)[^\n]{0,60}(?:EULA|agreement|terms)",
        cause="it was never run once by {user} on this machine",
        remedy="Start it once by hand as {user}, answer what it asks, then check again.",
        transient=True,
    ),
    Pattern(
        regex=r"FLEX(?:net|lm)[^\n]{0,60}?error:?\s*\(?(-\d{1,3})", cause="{flexnet}", remedy=_LICENCE, transient=True
    ),
    Pattern(
        regex=r"licen[cs]e[^\n]{0,60}expired|expired[^\n]{0,30}licen[cs]e",
        cause="its licence has expired",
        remedy="Renew the licence.",
        transient=True,
    ),
    Pattern(
        regex=r"all licen[cs]es[^\n]{0,20}in use|no (?:more )?(?:free )?licen[cs]es? (?:left|available)|"
        r"licensed number of users already reached",
        cause="all licences are in use",
        remedy="Wait until one is free, or tell the farm how many there are (frontburner licence set).",
        transient=True,
    ),
    Pattern(
        regex=r"(?:could not|couldn.t|cannot|can.t|unable to|failed to) (?:connect to|reach|contact)[^\n]{0,60}"
        r"licen[cs]e|licen[cs]e server[^\n]{0,60}(?:unreachable|not respond|refused|down|timed out)",
        cause="the licence server doesn't answer",
        remedy=_LICENCE,
        transient=True,
    ),
    Pattern(
        regex=_NO_LICENCE + r"[^\n]*?(-\d+)", cause="it got no licence (error {0})", remedy=_LICENCE, transient=True
    ),
    Pattern(regex=_NO_LICENCE, cause="it got no licence", remedy=_LICENCE, transient=True),
    # Room and rights.
    Pattern(
        regex=r"MemoryError|bad_alloc|Cannot allocate memory|out of (?:host |system )?memory|oom[- ]kill|"
        r"paging file is too small|Not enough memory resources",
        cause="memory ran out",
        remedy="Close what else runs on the machine, or raise the limit on memory{memory}.",
        transient=True,
    ),
    Pattern(
        regex=r"Too many open files",
        cause="too many files are open",
        remedy="Raise the limit on open files{files}.",
        transient=True,
    ),
    Pattern(
        regex=r"Disk quota exceeded",
        cause="the disk quota of {user} is used up",
        remedy="Free some space or ask for a larger quota.",
        transient=True,
    ),
    Pattern(
        regex=r"Read-only file system(?:: '?([^'\n]+))?",
        cause="it writes where the drive is read-only: {0}",
        remedy="Mount the drive writable, or name another folder (TMPDIR, HOME).",
    ),
    Pattern(
        regex=r"No usable temporary directory found",
        cause="no temporary folder can be written",
        remedy="Give {user} write access to one and name it in TMPDIR.",
        transient=True,
    ),
    # Screens and graphics cards.
    Pattern(
        regex=r"(?:cannot|can.t|could not|unable to|failed to) (?:open|connect to)[^\n]{0,20}display|"
        r"no display name and no \$DISPLAY|qt\.qpa\.(?:xcb|plugin)|"
        r"failed to create[^\n]{0,20}(?:GLX?|EGL)[^\n]{0,20}context",
        cause="it wants a screen, and there is none",
        remedy="Run it in its mode without windows, or under xvfb-run.",
    ),
    Pattern(
        regex=r"no CUDA-capable device|no (?:compatible |usable )?GPUs?(?: device)?s?(?: was| were)? found",
        cause="there is no graphics card it can use",
        remedy="Render on the processor, or install the card's driver.",
    ),
    Pattern(
        regex=r"CUDA driver version is insufficient",
        cause="the graphics card's driver is too old",
        remedy="Install a newer driver.",
    ),
    Pattern(regex=r"the canary(?:'s picture)? (.+)$", cause="its picture is wrong: {0}"),
)
"""Unambiguous messages: true whatever else was printed."""

LIKELY = (
    Pattern(
        regex=r"Permission denied: '?([^'\n]+)|^(?:[^\n:]+: )*([^\s:]+): Permission denied",
        cause="{user} may not use {0}{1}",
        remedy="Give {user} read and write access to it.",
    ),
    Pattern(
        regex=r"Unable to load \"?([^\"\s]+)\"?: \S+ cannot open shared object file", cause="there is no library {0}"
    ),
    Pattern(regex=r"located LLVM version \((\d+)\) is too old", cause="LLVM {0} is too old"),
    Pattern(regex=r"ModuleNotFoundError: No module named '([\w.]+)'", cause="the Python package {0} is missing"),
    Pattern(regex=r"(?:plugin|module) \"?([\w.-]+)\"? (?:was )?not found", cause="its plugin {0} is missing"),
    Pattern(
        regex=r"^(?:[^\n:]+: )*(?:line )?\d*:? ?([\w./+-]+): (?:command )?not found$",
        cause="the program {0} is missing",
    ),
    Pattern(
        regex=r"'?([^'\n]+?)'? is not recognized as an internal or external command",
        cause="the program {0} is missing",
    ),
    Pattern(
        regex=r"([\w./+-]+): (?:cannot execute[^\n]*|Exec format error)",
        cause="{0} isn't a program for this machine",
    ),
    Pattern(
        regex=r"(?:unrecogni[sz]ed|unknown|invalid) (?:option|argument|switch|flag)[: ]+'?([^\s'\n]+)",
        cause="it doesn't know the option {0}: its version is another one",
    ),
)
"""Ambiguous messages: used where nothing better is found."""


def match_certain(output: str) -> Finding | None:
    """Return the first certain cause in the output."""
    return _first(CERTAIN, output)


def match_likely(output: str) -> Finding | None:
    """Return the first likely cause in the output."""
    return _first(LIKELY, output)


def _first(patterns: tuple[Pattern, ...], output: str) -> Finding | None:
    return next((finding for pattern in patterns if (finding := pattern.finding(output))), None)
