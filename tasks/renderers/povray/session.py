"""Render units with POV-Ray: it reads its scene anew for each."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import ProgramFailed, SceneError
from tasks.renderers.content import digest_named
from tasks.renderers.povray import program as povray
from tasks.renderers.povray.files import Files, check_parameters, files_of
from tasks.renderers.povray.options import Options, options_of
from tasks.renderers.program.picture import pixels_of
from tasks.renderers.program.run import Program, run
from tasks.renderers.program.workspace import tidy, workspace
from tasks.renderers.remapped import write_copies
from tasks.renderers.travelled import tree_of

if TYPE_CHECKING:
    from tasks.spec import Pixels, UnitSpec


class PovRaySession:
    """Renders units of any scene.

    Parameters
    ----------
    program
        Where POV-Ray is.
    threads
        Threads it renders with.
    """

    def __init__(self, *, program: Path, threads: int) -> None:
        self._program, self._threads = program, threads
        self.load_s = 0.0
        tidy()

    def render(self, unit: UnitSpec) -> Pixels:
        """Render one unit."""
        frame, path = unit.frame, Path(unit.frame.scene)
        options = options_of(path)
        files = files_of(options, path, povray.installed(self._program))
        _check(unit, files, path)
        with workspace() as folder:
            options = _at_hand(options, files, folder)
            links = povray.prepare(folder, options, povray.installed(self._program))
            command = povray.command(self._program, unit, options, links, threads=self._threads)
            command += povray.clock(frame, options, counts="frame_number" in files.words)
            self._run(command, folder, options, path)
            return pixels_of(_written(folder), unit, program=povray.NAME, crop=False)

    def _run(self, command: list[str], folder: Path, options: Options, path: Path) -> None:
        try:
            told = run(
                Program(
                    name=povray.NAME,
                    command=command,
                    folder=folder,
                    environment=povray.environment(),
                    scene=str(path),
                    failures=povray.FAILURES,
                    progress=povray.PROGRESS,
                    continues=povray.CONTINUES,
                    columns=povray.COLUMNS,
                    begins=povray.BEGINS,
                )
            )
        except SceneError as error:
            raise SceneError(
                reason=_true_names(error.reason, options), remedy=error.remedy, scene=error.scene
            ) from None
        self.load_s = told.load_s


def _at_hand(options: Options, files: Files, folder: Path) -> Options:
    """Have POV-Ray read copies that lead to where files are, if the scene travelled and names some by where they were.

    Only what has to change is copied. It is found first, from wherever it is named: each folder of the scene is looked
    through for copies before its own files.
    """
    tree = tree_of(options.scene)
    if not files.moved or tree is None:
        return options

    def call(place: Path) -> str:  # short and without letters beyond ASCII, which POV-Ray can't have in a name
        inside = place.is_relative_to(tree)
        return (povray.TREE_LINK / place.relative_to(tree) if inside else place.relative_to(folder)).as_posix()

    (folder / povray.TREE_LINK).symlink_to(tree.absolute(), target_is_directory=True)
    copies = folder / povray.COPIES
    write_copies({options.scene: (), **files.moved}, tree=tree, folder=copies, call=call)
    places: list[Path] = []
    for place in (options.scene.parent, *options.libraries):
        if place.is_relative_to(tree):
            places.append(copies / place.relative_to(tree))
            places[-1].mkdir(parents=True, exist_ok=True)
        places.append(place)
    return replace(options, scene=places[0] / options.scene.name, libraries=places[1:])


def _true_names(said: str, options: Options) -> str:
    """Put the true names of files in the place of the links and copies POV-Ray was given."""
    said = re.sub(rf"{povray.LIBRARY_LINK}\d+/", "", said)
    said = re.sub(rf"({povray.TREE_LINK}|{povray.COPIES})/", "/", said)
    return said.replace(povray.SCENE_LINK, options.scene.name)


def _written(folder: Path) -> Path:
    """Return the picture: the number of its frame may be in its name."""
    output = Path(povray.OUTPUT)
    return next(folder.glob(f"{output.stem}*{output.suffix}"), folder / output)


def _check(unit: UnitSpec, files: Files, path: Path) -> None:
    """Refuse a unit of content it doesn't name, or of a kind that can't be rendered."""
    frame = unit.frame
    if digest_named(files.named.items()) != frame.scene_digest:
        raise SceneError(
            reason=f"The scene {path.name} or a file it refers to changed while the job ran.",
            remedy="Start the job again: its unchanged frames are reused.",
            scene=str(path),
        )
    check_parameters(files, dict(frame.parameters), path)
    if files.whole_frames_because and unit.region != frame.size.whole:
        raise SceneError(
            reason=f"{path.name} can't be rendered in parts. {files.whole_frames_because}",
            remedy="Render its frames whole (mode=frames).",
            scene=str(path),
        )
    if frame.aovs:
        raise SceneError(reason="POV-Ray can't deliver extra channels.", remedy="Ask for no aovs.", scene=str(path))
    if (unit.samples.start, unit.samples.stop) != (0, frame.samples):
        raise ProgramFailed(reason="POV-Ray can't render a frame's samples in parts.", remedy="Give all of them.")
