"""The job document: what a user wants rendered. One model is the CLI's options, Prefect's form and a file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import PurePath
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from frontburner.jobs.deadline import deadline_text, next_moment
from frontburner.jobs.document_errors import sentences
from frontburner.jobs.durations import parse_span
from frontburner.jobs.field_values import number, one_line, pairs, plain, words, yes_or_no
from frontburner.jobs.fps import parse_fps
from frontburner.jobs.frames import parse_frames
from frontburner.jobs.identity import digest_of
from frontburner.jobs.regions import outside, parse_region, parse_size
from frontburner.plan.fair_share import ShareTerms
from frontburner.plan.unit_sizer import Mode
from storage.errors import FrontburnerError
from storage.view import View
from tasks.job_context import SceneTravel
from tasks.limits import Limits
from tasks.picture.movie import Codec
from tasks.renderers import RENDERERS
from tasks.renderers.files import renderer_for
from tasks.spec import Aov

MAX_SAMPLES = 1_048_576
MAX_NAME_BYTES = 200
AUTO = "auto"
NO_TIME_FOR_SEQUENCES = (
    "a time can end a still, not a sequence: its last frames would be missing, not just noisier. "
    "Give noise or samples for each frame, and finish_by to be told whether it will be ready."
)


class Format(StrEnum):
    """Kinds of picture files."""

    EXR = "exr"
    PNG = "png"


class ExrType(StrEnum):
    """Precision of the EXR's colour channels; depth and normals are always 32 bit."""

    HALF = "half"
    FLOAT = "float"


class Checks(StrEnum):
    """What is done about frames of a sequence that stand out."""

    WARN = "warn"
    RERENDER = "rerender"
    NO = "no"


@dataclass(kw_only=True, eq=False)
class JobRefused(FrontburnerError):
    """A job document that can't be rendered: every problem with its field, what was given and what would be right."""

    problems: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([self.reason, *(f"  {problem}" for problem in self.problems)])


Text = Annotated[str, BeforeValidator(plain)]
T = TypeVar("T")


class RenderJob(BaseModel):
    """What to render, how well, and where the pictures go."""

    model_config = ConfigDict(extra="forbid", validate_default=True, frozen=True)

    scene: str = Field(description="The scene file; shot.####.xml stands for one file a frame.")
    renderer: str = Field(
        default=AUTO,
        description="The renderer; auto takes the one the scene file belongs to.",
        json_schema_extra={"enum": [AUTO, *sorted(RENDERERS)]},
    )
    frames: Text = Field(
        default="", description="Frames such as 1-48,60,70-90x2; empty renders the scene's own frames, or a still."
    )
    size: str = Field(
        default="", description="Width and height in pixels, such as 1920x1080; empty is the scene's own."
    )
    region: str = Field(
        default="", description="Only these pixels, as x0,y0,x1,y1 from the top left; empty is the whole frame."
    )
    samples: int | None = Field(
        default=None, description="Samples a pixel; empty is the scene's own.", ge=1, le=MAX_SAMPLES
    )
    noise: float | None = Field(
        default=None,
        description="End a picture at this noise, such as 0.02; samples are then the most it may take.",
        gt=0,
        lt=1,
    )
    time_limit: Text = Field(
        default="", description="End a still after this time, such as 90s, 30m or 1h30m, with what is rendered by then."
    )
    finish_by: Annotated[str, BeforeValidator(deadline_text)] = Field(
        default="",
        description="When it must be ready, such as 08:00; whether it will be is told all along, and ends nothing.",
    )
    camera: Text = Field(default="", description="Name or number of the camera; empty is the scene's first.")
    parameters: Annotated[dict[str, str], BeforeValidator(pairs)] = Field(
        default={},
        description="Values of the scene's own parameters, as name=value,name=value; "
        "a Blender file has scene, view_layer and the custom properties of its scene.",
    )
    aovs: Annotated[list[Aov], BeforeValidator(words)] = Field(
        default=[], title="AOVs", description="Extra channels of the EXR: depth, normal, albedo."
    )
    denoise: bool = Field(
        default=False,
        description="Take the noise out of each picture when it is whole (Open Image Denoise); where the renderer has "
        "albedo and normal, they are rendered too and help.",
    )
    seed: int = Field(default=0, description="Seed of the noise; the same seed gives the same picture.", ge=0, lt=2**32)
    mode: Mode = Field(
        default=Mode.AUTO,
        description="auto keeps all nodes busy; frames never cuts a frame; tiles spreads every frame over all nodes.",
    )
    travel: Annotated[SceneTravel, BeforeValidator(yes_or_no)] = Field(
        default=SceneTravel.AUTO,
        description="auto sends the scene's files to nodes that don't see the same ones at its path; yes sends them to "
        "all nodes; no keeps nodes out that see others.",
    )
    out: str = Field(default="renders", description="Where the pictures go: a folder or s3://bucket/prefix.")
    name: Text = Field(default="", description="Name of the job and its files; empty is the scene's name.")
    formats: Annotated[list[Format], BeforeValidator(words)] = Field(
        default=[Format.EXR, Format.PNG],
        description="Files written for each frame: exr, png.",
        min_length=1,
    )
    exr: ExrType = Field(default=ExrType.HALF, title="EXR", description="Precision of EXR colours: half or float.")
    png_bits: Annotated[Literal[8, 16], BeforeValidator(number)] = Field(
        default=8, title="PNG bits", description="Bits a channel of PNG files: 8 or 16."
    )
    view: View = Field(default=View.SRGB, description="How light becomes PNG colours: srgb, aces (filmic) or raw.")
    exposure: float = Field(default=0.0, description="Stops of exposure added to PNG files.", ge=-20, le=20)
    priority: int = Field(default=50, description="0 to 100; more urgent jobs get nodes first.", ge=0, le=100)
    min_nodes: int = Field(default=0, description="Nodes it keeps when more urgent jobs take all others.", ge=0)
    max_nodes: int | None = Field(default=None, description="The most nodes it gets; empty is no limit.", ge=1)
    groups: Annotated[list[str], BeforeValidator(words)] = Field(
        default=[], description="It gets only nodes of one of these groups; none named is all."
    )
    local: bool | None = Field(
        default=None,
        description="no keeps it off the machine it is given from; yes has that help a farm that runs elsewhere.",
    )
    attempts: int = Field(default=3, description="Attempts at a unit before its frame fails.", ge=1, le=20)
    unit_timeout_s: float | None = Field(
        default=None, title="Unit timeout (s)", description="Seconds one unit may take; empty is no limit.", gt=0
    )
    keep_units: bool = Field(default=False, description="Keep the units in the store when the job is done.")
    movie: Annotated[list[Codec], BeforeValidator(words)] = Field(
        default=[], description="Movies made of the frames when all are in place: h264, hevc, av1, prores."
    )
    fps: Text = Field(
        default="24", title="FPS", description="Frames a second of movies, such as 25, 23.976 or 30000/1001."
    )
    contact_sheet: bool = Field(default=False, description="Make a contact sheet of the frames.")
    checks: Annotated[Checks, BeforeValidator(yes_or_no)] = Field(
        default=Checks.WARN,
        description="Frames of a sequence that stand out (black, doubled, flickering, fireflies) are named; rerender "
        "renders them once more, too; no doesn't look.",
    )
    notify: Annotated[list[str], BeforeValidator(words)] = Field(
        default=[], description="Who is told when it ends: names of targets in notify.yaml of FRONTBURNER_HOME."
    )

    @field_validator("scene")
    @classmethod
    def _scene_is_named(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("names no file. Give the path of a scene.")
        return value

    @field_validator("scene", "out", "camera", "groups", "parameters", "notify")
    @classmethod
    def _is_one_line(cls, value: T) -> T:
        return one_line(value)

    @field_validator("renderer")
    @classmethod
    def _renderer_is_known(cls, value: str) -> str:
        if value != AUTO and value not in RENDERERS:
            raise ValueError(f"is not a renderer. Known are {AUTO}, {', '.join(sorted(RENDERERS))}.")
        return value

    @field_validator("frames")
    @classmethod
    def _frames_read(cls, value: str) -> str:
        if value.strip():
            parse_frames(value)
        return value.strip()

    @field_validator("size")
    @classmethod
    def _size_reads(cls, value: str) -> str:
        if value:
            parse_size(value)
        return value

    @field_validator("time_limit")
    @classmethod
    def _time_limit_reads(cls, value: str) -> str:
        if value:
            parse_span(value)
        return value

    @field_validator("finish_by")
    @classmethod
    def _finish_by_reads(cls, value: str) -> str:
        if value:
            next_moment(value, datetime.now().astimezone())
        return value

    @field_validator("fps")
    @classmethod
    def _fps_reads(cls, value: str) -> str:
        parse_fps(value)
        return value

    @field_validator("name")
    @classmethod
    def _name_is_a_file_name(cls, value: str) -> str:
        if value and (not re.fullmatch(r"[\w][\w .+-]{0,99}", value) or len(value.encode()) > MAX_NAME_BYTES):
            raise ValueError(
                "can't name files. Use letters, digits, spaces and . _ + - (100 at most, a letter or digit first)."
            )
        return value

    @model_validator(mode="after")
    def _scene_has_a_renderer(self) -> RenderJob:
        if self.renderer == AUTO:
            try:
                renderer_for(self.scene)
            except ValueError as error:
                raise ValueError(f"scene: {error}") from None
        return self

    @model_validator(mode="after")
    def _region_fits(self) -> RenderJob:
        if self.region:
            region = parse_region(self.region)
            if self.size and not region.within(parse_size(self.size)):
                raise ValueError(outside(self.region, parse_size(self.size)))
        return self

    @model_validator(mode="after")
    def _nodes_fit(self) -> RenderJob:
        if self.max_nodes is not None and self.min_nodes > self.max_nodes:
            raise ValueError(f"min_nodes {self.min_nodes}: is more than max_nodes, which is {self.max_nodes}.")
        return self

    @model_validator(mode="after")
    def _time_limit_is_for_a_still(self) -> RenderJob:
        if self.time_limit and self.frames and len(parse_frames(self.frames)) > 1:
            raise ValueError(f"time_limit '{self.time_limit}': {NO_TIME_FOR_SEQUENCES}")
        return self

    @property
    def limits(self) -> Limits:
        """What may end its pictures early."""
        return Limits(time_s=parse_span(self.time_limit) if self.time_limit else None, noise=self.noise)

    @property
    def title(self) -> str:
        """The job's name, and what its files are called."""
        stem = PurePath(self.scene).stem.replace("#", "").rstrip(". ")
        return self.name or re.sub(r"[^\w.+-]+", "-", stem).strip("-.") or "render"

    @property
    def job_id(self) -> str:
        """Name and a digest of the document: the same document is the same job, and goes on where it stopped.

        What says how it is rendered, not what, isn't part of it.
        """
        return f"{self.title}-{digest_of(self)}"

    @property
    def terms(self) -> ShareTerms:
        """On what terms it takes nodes."""
        return ShareTerms(
            min_nodes=self.min_nodes, max_nodes=self.max_nodes, groups=tuple(self.groups), local=self.local
        )

    @property
    def renderer_name(self) -> str:
        """The renderer's name, found from the scene file where the job says auto."""
        return renderer_for(self.scene) if self.renderer == AUTO else self.renderer


def make_job(document: dict[str, Any]) -> RenderJob:
    """Check a job document. Raises `JobRefused` with every problem it has."""
    try:
        return RenderJob.model_validate(document)
    except ValidationError as error:
        problems = sentences(error, RenderJob, "a job")
        raise JobRefused(reason="The job was refused before anything started:", remedy="", problems=problems) from None
