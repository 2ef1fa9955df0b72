"""3ds Max's flags and known failures, from its help texts: never tried on the real program."""

from __future__ import annotations

from tasks.renderers.program.failures import Failure, out_of_memory
from tasks.renderers.program.flags import Flags

NAME = "3ds Max"
VARIABLE, FLAGS_VARIABLE = "FRONTBURNER_3DSMAX", "FRONTBURNER_3DSMAX_FLAGS"
PROGRESS = r"^\s*(?:Rendering|Progress)?\D*(\d+(?:\.\d+)?)\s*%\s*$"
VERSION_IN_PATH = r"3ds ?Max (\d{4})"

FLAGS = Flags(
    program="3dsmaxcmd.exe",
    places=(r"%ProgramFiles%\Autodesk\3ds Max 20*\3dsmaxcmd.exe",),
    logs="${LOCALAPPDATA}/Autodesk/3dsMax/*/*/Max.log",
    flags={
        "output": "-outputName:{output}",
        "width": "-w:{width}",
        "height": "-h:{height}",
        "start": "-start:{frame}",
        "end": "-end:{frame}",
        "no_window": "-showRFW:0",
        "verbose": "-v:5",
        "camera": "-camera:{camera}",
        "scene": "{scene}",
    },
)
OPTIONAL_FLAGS = ("camera",)

_SEE_MAX_LOG = "The reason is often only in Max.log of the user the node runs as; its new lines are in this log too."


def _code(cause: str, remedy: str = _SEE_MAX_LOG) -> Failure:
    return Failure(pattern=r"(?!)", cause=f"3ds Max {cause}.", remedy=remedy, retryable=True)


CODES = {
    1: _code("failed"),
    -1: _code("failed by an exception nobody handled"),
    -2: _code("was aborted"),
    -3: _code("crashed while it closed"),
    -4: _code("crashed while it closed"),
    -5: _code("crashed while it closed"),
    -6: _code("ran out of memory", "Render it on a node with more memory."),
    -7: _code("can't use this node's graphics device", "Choose another display driver in 3ds Max on the node."),
    -8: _code("has no licence on this node", "Free a licence, or sign in once by hand as the node's user."),
    -9: _code("could not be created"),
    -12: _code("was never run on this node by this user", "Run 3ds Max once by hand on the node, as its user."),
}
"""Known exit codes. Windows may return a negative one as a large number, Linux as its last eight bits."""

FAILURES = (
    Failure(
        pattern=r"licen[cs]e.*(error|failed|expired|denied|not (found|available))|could not obtain a licen[cs]e",
        cause="This node has no 3ds Max licence.",
        remedy="Free a licence, or sign in once by hand as the user the node runs as.",
        retryable=True,
        fatal=True,
    ),
    Failure(
        pattern=r"missing (external file|map|texture|bitmap|xref)s?\b:?\s*[\"']?(?P<name>[^\"']*)",
        cause="3ds Max misses a file of the scene on this node: {name}. It would go on without it.",
        remedy="Put it where the scene says on every node, or give its folder a path file (-pathFile:).",
        retryable=True,
        fatal=True,
    ),
    Failure(
        pattern=r"(created|saved) (with|by|in) a newer version|obsolete (data )?format|"
        r"missing (dll|plug-?in)s?\b|version mismatch",
        cause="This node's 3ds Max, or a plugin of it, is of another version than the scene: {line}.",
        remedy="Install the same version of 3ds Max and its plugins on all nodes.",
        retryable=True,
        fatal=True,
    ),
    out_of_memory(NAME),
    # Last, since it prints this also where the cause is another.
    Failure(
        pattern=r"ADP failed to start",
        cause="3ds Max was never run on this node by this user: its desktop analytics could not be started.",
        remedy="Run 3ds Max once by hand on the node, as the user the node runs as.",
        retryable=True,
        retry_at_once=True,
    ),
)
