"""Has Mitsuba build the objects of a parsed scene."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import drjit as dr
import mitsuba as mi

from system.plain_names import plain
from tasks.renderers.mitsuba.document import items, message_of, search_in, variant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.errors import SceneError
    from tasks.renderers.mitsuba.document import Document

_VARIANTS = {"polarized mode": "spectral_polarized", "spectral": "spectral"}
"""What Mitsuba says of a plugin that this variant can't build, and the variants that can."""
_NOT_RECORDED = "*symbolic*"
"""In what Dr.Jit says when a value is asked for that is only known once the kernel runs."""
_RAISED_BY_PLUGIN = re.compile(r"\[\w+\] ")
COMPILED_ONLY = frozenset(
    file.stem for file in (Path(mi.__file__).parent / "python" / "ad" / "integrators").glob("[!_]*.py")
)
"""Integrators that are made for differentiation, which only the compiled variants have."""


def build_node(document: Document, node: int) -> Any:  # noqa: ANN401 - a Mitsuba object
    """Build one object without the rest of the scene. Raises `SceneError` when Mitsuba can't."""
    state = mi.parser.ParserState(document.state)
    state.nodes[0] = state.nodes[node]
    return instantiate(document, state)


def instantiate(document: Document, state: Any) -> Any:  # noqa: ANN401 - Mitsuba objects
    """Build a scene from nodes of a document. Raises `SceneError` when Mitsuba can't."""
    _use_plain_names(document, state)
    search_in(document.search)
    with _threads_that_read_exr():
        try:
            return mi.parser.instantiate(mi.parser.ParserConfig(variant()), state)
        except RuntimeError as error:
            raise _refusal(document, error, "built") from error


def _use_plain_names(document: Document, state: Any) -> None:  # noqa: ANN401 - Mitsuba's parser state
    """Have Mitsuba open files by names that it knows on Windows."""
    if os.sep == "/":
        return
    for node in items(state.nodes):
        for key in [key for key in node.props.keys() if "filename" in key.lower()]:  # noqa: SIM118
            if node.props.type(key) == mi.Properties.Type.String:
                path = document.resolve(node.props[key])
                if path.is_file() and plain(path) != path:
                    node.props[key] = str(plain(path))


@contextmanager
def _threads_that_read_exr() -> Iterator[None]:
    """Have at least two threads: OpenEXR waits for the others in Mitsuba's pool, and for ever if there are none."""
    threads = dr.thread_count()
    if threads < 2:
        dr.set_thread_count(2)
    try:
        yield
    finally:
        dr.set_thread_count(threads)


def failure_of(document: Document, error: RuntimeError) -> Exception:
    """Return a failure to render as the refusal of the scene, if one of its plugins raised it."""
    if _NOT_RECORDED in str(error):
        failure = document.refuse(
            f"can't be rendered by Mitsuba's {variant()}: one of its plugins needs a value while the scene is compiled",
            "Replace that plugin; scalar_rgb, which nodes without LLVM use, can render the scene.",
        )
    elif _RAISED_BY_PLUGIN.search(str(error)):
        failure = _refusal(document, error, "rendered")
    else:
        return error
    # What was being recorded goes on in the next scene.
    failure.spoils_process = not variant().startswith("scalar")
    return failure


def needs_variant(document: Document, variants: str, because: str) -> SceneError:
    """Return the error that a scene needs other variants of Mitsuba."""
    return document.refuse(
        f"needs Mitsuba's variant {variants}, this is {variant()}: {because}",
        "Frontburner has llvm_ad_rgb and scalar_rgb: replace that plugin, or render this scene with Mitsuba itself."
        if "rgb" not in variants
        else "Install LLVM on the nodes (docs/scenes.md), or use another integrator.",
    )


def _refusal(document: Document, error: RuntimeError, what: str) -> SceneError:
    message = message_of(error)
    unknown = re.search(r'Plugin "(\w+)" not found', message)
    if unknown and unknown[1] in COMPILED_ONLY:
        return needs_variant(document, "llvm_ad_rgb", f"the integrator {unknown[1]} is made for differentiation")
    needed = next((name for said, name in _VARIANTS.items() if said in message), None)
    if needed is None:
        return document.refuse(f"can't be {what}: {message}", "Correct the scene.")
    return needs_variant(document, f"scalar_{needed} or llvm_ad_{needed}", message)
