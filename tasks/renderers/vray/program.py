"""V-Ray Standalone's flags and known failures, from its help texts: never tried on the real program."""

from __future__ import annotations

from tasks.renderers.program.failures import Failure, out_of_memory
from tasks.renderers.program.flags import Flags

NAME = "V-Ray"
VARIABLE, FLAGS_VARIABLE = "FRONTBURNER_VRAY", "FRONTBURNER_VRAY_FLAGS"
PROGRESS = r"(?:Rendering image|Progress)[^%]*?(\d+(?:\.\d+)?)\s*%"
BEGINS = r"Rendering image|Starting render"
VERSION = r"V-?Ray\D*?(\d+(?:\.\d+)+)"

FLAGS = Flags(
    program="vray",
    places=(
        r"%ProgramFiles%\Chaos\V-Ray\Standalone for x64\bin\vray.exe",
        r"%ProgramFiles%\Chaos Group\V-Ray\Standalone for x64\bin\vray.exe",
        r"%ProgramFiles%\Chaos\V-Ray\3ds Max 20*\bin\vray.exe",
        "/Applications/ChaosGroup/V-Ray/*/bin/vray",
    ),
    version="-version",
    flags={
        "scene": "-sceneFile={scene}",
        "output": "-imgFile={output}",
        "width": "-imgWidth={width}",
        "height": "-imgHeight={height}",
        "frame": "-frames={frame}",
        "no_number": "-noFrameNumbers=1",
        "threads": "-numThreads={threads}",
        # Without these two it opens a window and waits until a person closes it.
        "display": "-display=0",
        "close": "-autoClose=1",
        "verbose": "-verboseLevel=3",
        "progress": "-showProgress=1",
        "progress_lines": "-progressUseCR=0",
        "progress_color": "-progressUseColor=0",
        "alone": "-distributed=0",
        "crop": "-crop={x0};{y0};{x1};{y1}",
        "no_region": "-region=none",
        "camera": "-camera={camera}",
        "parameter": "-parameterOverride={name}={value}",
    },
)
OPTIONAL_FLAGS = ("crop", "no_region", "camera", "parameter")
"""Flags that are only given where they are needed."""

_ASSET = "(bitmap|texture|image|map|mesh|proxy)"
_OPEN = "could not|couldn't|cannot|can't|failed to|unable to"
FAILURES = (
    Failure(
        pattern=r"could not obtain a licen[cs]e|licen[cs]e.*(error|denied|expired|-88)|"
        r"no licen[cs]e (is )?(available|found)",
        cause="This node has no V-Ray licence.",
        remedy="Start its server, or free one; `frontburner licence set vray 4` lets no more than 4 nodes ask at once.",
        retryable=True,
        fatal=True,
    ),
    Failure(
        pattern=rf"({_OPEN}) (open|load|find|read|locate)\b.*?\b({_ASSET}\b.*?|file\b[^.]*?)[\"']?"
        r"(?P<name>[^\s\"']+\.(png|jpe?g|exr|hdr|tiff?|tga|tx|bmp|psd|vrmesh|abc|vdb|ies|vrscene))\b",
        cause="V-Ray misses a file of the scene on this node: {name}. It would go on without it.",
        remedy="Put it where the scene says on every node, or remap its path.",
        retryable=True,
        fatal=True,
    ),
    Failure(
        pattern=r"(created|saved|exported|written) (with|by|in) a newer version|version mismatch|"
        r"unknown plugin (type )?[\"']?(?P<name>\w+)",
        cause="This node's V-Ray, or a plugin of it, is of another version than the scene: {line}.",
        remedy="Install the same version of V-Ray and its plugins on all nodes.",
        retryable=True,
        fatal=True,
    ),
    out_of_memory(NAME),
    Failure(
        pattern=r"(error|syntax).*(parsing|scene).*|(parsing|scene).*(error|syntax).*",
        cause="V-Ray can't read the scene: {line}.",
        remedy="Correct the scene, or export it again.",
        scene=True,
    ),
    # Last, since it prints this also where the cause is another, or nothing is wrong.
    Failure(
        pattern=rf"({_OPEN}) read .*rayrc|rayrc.*not found",
        cause="V-Ray was never run on this node by this user: it can't read its settings.",
        remedy="Run V-Ray once by hand on the node, as the user the node runs as.",
        retryable=True,
        retry_at_once=True,
    ),
)
