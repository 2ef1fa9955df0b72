"""POV-Ray behind the renderer protocol."""

from __future__ import annotations

import math
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.content_digests import named_files_digest
from tasks.errors import ProgramFailed, SceneError
from tasks.renderers.base import Capabilities, SceneInfo
from tasks.renderers.build_names import build_here
from tasks.renderers.errors import no_aovs, not_ready, require_build, scene_changed
from tasks.renderers.povray import program as povray
from tasks.renderers.povray.files import Files, check_parameters, files_of
from tasks.renderers.povray.options import Options, options_of
from tasks.renderers.povray.trying import LIMIT_S, missing_name, with_known_files
from tasks.renderers.program.picture import pixels_of
from tasks.renderers.program.run import Program, run
from tasks.renderers.program.workspace import remove_abandoned, workspace
from tasks.renderers.sent_scenes import tree_of, write_copies
from tasks.renderers.trial import Trial
from tasks.spec import FrameSpec, SampleRange, UnitSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tasks.renderers.base import Session
    from tasks.spec import Pixels


_MISSED: dict[object, str | None] = {}
"""What POV-Ray missed of a scene, a frame and its parameters when it had these files."""
_MANY = 10_000
_MOVES = {"clock", "clock_on", "clock_delta", "frame_number"}
"""Words without which a scene reads alike in each frame."""
_CANARY = Path(__file__).with_name("canary.py")
_REMEDY = f"{povray.INSTALL.replace('Install it', 'Install it again')}, or name another in {povray.VARIABLE}."


class PovRay:
    """The adapter."""

    name = "povray"

    def builds(self) -> tuple[str, ...]:
        """Return the installed version, once it has rendered a small scene."""
        program = povray.executable()
        build = build_here(f"{povray.version(program)} povray")
        what = f"POV-Ray ({program})"
        # Why a program can't start at all is clearest when nothing else is asked of it.
        starts = Trial(what=what, command=(str(program), "--version"), remedy=_REMEDY, files=(program,)).verdict()
        if not starts.ok:
            raise not_ready(self.name, starts.reason, starts.remedy)
        trial = Trial(
            what=what,
            command=(sys.executable, "-P", "-m", "tasks.renderers.povray.canary", str(program)),
            remedy=_REMEDY,
            facts=(build, _CANARY.read_text(encoding="utf-8")),
            files=(program, *povray.include_folders(program)),
        )
        verdict = trial.verdict()
        if not verdict.ok:
            raise not_ready(self.name, verdict.reason, verdict.remedy)
        return (build,)

    def capabilities(self, build: str) -> Capabilities:  # noqa: ARG002 - the same for all
        """Return what it can do."""
        return Capabilities(
            exact_regions=True, exact_samples=False, max_samples=povray.MAX_SAMPLES, seeds=False, costs=False
        )

    def inspect(
        self,
        scene: Path,
        *,
        build: str,
        frame: int,
        parameters: tuple[tuple[str, str], ...],
    ) -> SceneInfo:
        """Read a scene without rendering it."""
        options = options_of(scene)
        program = povray.executable()
        whole = FrameSpec(
            renderer=self.name, build=build, scene=str(scene), scene_digest="", frame=frame, size=options.size,
            samples=1, parameters=parameters,
        )  # fmt: skip
        files = _files_of(options, whole, program)
        check_parameters(files, dict(parameters), scene)
        if frame < 0 and any("frame_number" in source.words for source in files.sources):
            raise SceneError(
                reason=f"{scene.name} uses frame_number, and POV-Ray counts frames from 0: there is no frame {frame}.",
                remedy="Ask for frames from 0 on.",
                scene=str(scene),
            )
        if options.animated and frame not in options.frames and "clock" not in dict(parameters):
            raise SceneError(
                reason=f"{scene.name} has no frame {frame}: it names {options.frames[0]} to {options.frames[-1]}.",
                remedy="Ask for frames among these, or change Initial_Frame and Final_Frame.",
                scene=str(scene),
            )
        still = frame == 0 and not options.animated and "clock" not in dict(parameters)
        if still and any("clock_on" in source.words for source in files.sources):
            options.notes.append("Frame 0 is rendered as POV-Ray's still: clock_on is off.")
        return SceneInfo(
            digest=named_files_digest(files.named.items()),
            files=tuple(str(path.absolute()) for path in files.named.values()),
            size=options.size,
            samples=min(options.depth, 9) ** 2 if options.antialias else 1,
            cameras=("0",),
            whole_frames_because=files.whole_frames_because,
            notes=(*options.notes, *files.notes),
        )

    def open(self, frame: FrameSpec, *, threads: int) -> Session:
        """Start a session."""
        program = povray.executable()
        build = build_here(f"{povray.version(program)} povray")
        require_build(self.name, povray.NAME, build, frame.build)
        return PovRaySession(program=program, threads=threads)


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
        remove_abandoned()

    def render(self, unit: UnitSpec) -> Pixels:
        """Render one unit."""
        frame, path = unit.frame, Path(unit.frame.scene)
        options = options_of(path)
        files = files_of(options, path, povray.include_folders(self._program))
        if files.computed and named_files_digest(files.named.items()) != frame.scene_digest:
            files = _files_of(options, frame, self._program, limit_s=math.inf)
        _check(unit, files, path)
        with workspace() as folder:
            options = _with_local_copies(options, files, folder)
            links = povray.prepare(folder, options, povray.include_folders(self._program))
            command = povray.command(self._program, unit, options, links, threads=self._threads)
            command += povray.clock(frame, options, uses_frame_number="frame_number" in files.words)
            self._run(command, folder, options, path)
            return pixels_of(_output_file(folder), unit, program=povray.NAME, crop=False)

    def _run(self, command: list[str], folder: Path, options: Options, path: Path) -> None:
        try:
            output = run(
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
                reason=_with_scene_names(error.reason, options), remedy=error.remedy, scene=error.scene
            ) from None
        self.load_s = output.load_s


def _files_of(options: Options, frame: FrameSpec, program: Path, *, limit_s: float = LIMIT_S) -> Files:
    """Find the files of a frame; where the scene computes names, by having POV-Ray read it at the scene's own size."""
    path, includes = Path(frame.scene), povray.include_folders(program)
    frame = replace(frame, size=options.size, samples=1)
    unit = UnitSpec(frame=frame, region=frame.size.whole, samples=SampleRange(start=0, stop=1))

    def missing(files: Files) -> str | None:
        moves = any(_MOVES & source.words for source in files.sources)
        known = path, frame.frame if moves else None, frame.parameters, named_files_digest(files.named.items())
        if known not in _MISSED:
            if len(_MISSED) >= _MANY:
                _MISSED.clear()
            _MISSED[known] = try_with(files)
        return _MISSED[known]

    def try_with(files: Files) -> str | None:
        with workspace() as folder:
            local = _with_local_copies(options, files, folder)
            local = with_known_files(local, files.named.values(), folder)
            links = povray.prepare(folder, local, includes)
            command = povray.command(program, unit, local, links, threads=1)
            uses_number = any("frame_number" in source.words for source in files.sources)
            command += povray.clock(frame, local, uses_frame_number=uses_number)
            name = missing_name(command, folder, path, limit_s)
            return name and _with_scene_names(name, local)

    return files_of(options, path, includes, missing)


def _with_local_copies(options: Options, files: Files, folder: Path) -> Options:
    """If names in the scene lead elsewhere here, have POV-Ray read copies whose names lead to the local files.

    Only files with such names are copied. Copies are found first: the folder of copies comes before each folder of the
    scene.
    """
    if not files.relocated:
        return options
    tree = tree_of(options.scene) or Path(options.scene.absolute().anchor)

    def name_of(path: Path) -> str:  # short, and only ASCII, as POV-Ray requires
        inside = path.is_relative_to(tree)
        return (povray.TREE_LINK / path.relative_to(tree) if inside else path.relative_to(folder)).as_posix()

    (folder / povray.TREE_LINK).symlink_to(tree.absolute(), target_is_directory=True)
    copies = folder / povray.COPIES
    write_copies({options.scene: (), **files.relocated}, tree=tree, folder=copies, name_of=name_of)
    scene = copies / options.scene.relative_to(tree)
    first, *libraries = _with_copies([options.folder, *options.libraries], tree, copies)
    beside = _with_copies(options.beside, tree, copies)
    return replace(options, scene=scene, folder=first, libraries=libraries, beside=beside)


def _with_copies(folders: Iterable[Path], tree: Path, copies: Path) -> list[Path]:
    """Return folders, each after its folder of copies."""
    searched: list[Path] = []
    for original in folders:
        if original.is_relative_to(tree):
            searched.append(copies / original.relative_to(tree))
            searched[-1].mkdir(parents=True, exist_ok=True)
        searched.append(original)
    return searched


def _with_scene_names(text: str, options: Options) -> str:
    """Replace the names of links and copies that POV-Ray was given by those of the scene's files."""
    text = re.sub(rf"{povray.LIBRARY_LINK}\d+/", "", text)
    text = re.sub(rf"({povray.TREE_LINK}|{povray.COPIES})/", "/", text)
    return text.replace(povray.SCENE_LINK, options.scene.name)


def _output_file(folder: Path) -> Path:
    """Return the picture's file, whose name may contain the frame number."""
    output = Path(povray.OUTPUT)
    return next(folder.glob(f"{output.stem}*{output.suffix}"), folder / output)


def _check(unit: UnitSpec, files: Files, path: Path) -> None:
    """Raise if the scene's content changed, or the unit can't be rendered."""
    frame = unit.frame
    if named_files_digest(files.named.items()) != frame.scene_digest:
        raise scene_changed(path)
    check_parameters(files, dict(frame.parameters), path)
    if files.whole_frames_because and unit.region != frame.size.whole:
        raise SceneError(
            reason=f"{path.name} can't be rendered in parts. {files.whole_frames_because}",
            remedy="Render its frames whole (mode=frames).",
            scene=str(path),
        )
    if frame.aovs:
        raise no_aovs(path, povray.NAME)
    if (unit.samples.start, unit.samples.stop) != (0, frame.samples):
        raise ProgramFailed(
            reason="POV-Ray can't render a frame's samples in parts.", remedy="Render all of them in one unit."
        )
