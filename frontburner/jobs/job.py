"""The job document: what a user wants rendered. One model serves the command line, Prefect's form and job files.

One file over 300 lines: it is one document, and most of it are its fields and their descriptions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from frontburner.jobs.deadline import deadline_text, next_moment
from frontburner.jobs.document_errors import problems_of
from frontburner.jobs.durations import parse_span
from frontburner.jobs.field_values import (
    Text,
    bool_to_yes_no,
    comma_list,
    name_value_pairs,
    outside_frame,
    parse_fps,
    parse_region,
    parse_size,
    readable,
    require_one_line,
    text_to_number,
)
from frontburner.jobs.frames import parse_frames_of_job
from frontburner.jobs.identity import digest_of
from frontburner.plan.fair_share import ShareTerms
from frontburner.plan.unit_sizer import Mode
from storage.errors import FrontburnerError
from storage.view import View
from system import paths
from system.file_names import name_fault
from tasks.job_context import TransferMode
from tasks.limits import Limits
from tasks.picture.movie import Codec
from tasks.renderers import RENDERERS, renderer_for
from tasks.spec import Aov

MAX_SAMPLES = 1_048_576
MAX_NAME_BYTES = 200
AUTO = "auto"
NO_TIME_FOR_SEQUENCES = (
    "a time can end a still, not a sequence: its last frames would be missing, not just noisier. "
    "Give noise or samples for each frame, and finish_by for a forecast of whether it will be ready."
)


class Format(StrEnum):
    """Picture file formats."""

    EXR = "exr"
    PNG = "png"


class ExrType(StrEnum):
    """Precision of the EXR's colour channels; depth and normals are always 32 bit."""

    HALF = "half"
    FLOAT = "float"


class BakeMode(StrEnum):
    """What to do about simulations that aren't baked."""

    AUTO = "auto"
    NO = "no"


class Checks(StrEnum):
    """What to do about suspicious frames of a sequence."""

    WARN = "warn"
    RERENDER = "rerender"
    NO = "no"


@dataclass(kw_only=True, eq=False)
class JobRefused(FrontburnerError):
    """A job document that can't be rendered: every problem with its field, what was given and what would be right."""

    problems: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([self.reason, *(f"  {problem}" for problem in self.problems)])


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
    renderer_build: Annotated[Text, AfterValidator(str.strip)] = Field(
        default="",
        description="The renderer's build, as node check shows it, or the beginning of words in its name, such as "
        "windows or 5.0; empty is the one with the most cores. Nodes with others are left out, since their pixels "
        "differ; any mixes builds of one version for several systems.",
    )
    frames: Annotated[Text, AfterValidator(str.strip), readable(parse_frames_of_job)] = Field(
        default="",
        description="Frames such as 1-48,60,70-90x2, or scene for all those that the scene was made for; empty renders "
        "those of a keys file, numbered files or an .ini, else a still: a Blender scene at its current frame.",
    )
    size: Annotated[str, readable(parse_size)] = Field(
        default="", description="Width and height in pixels, such as 1920x1080; empty is the scene's own."
    )
    region: str = Field(
        default="",
        description="Only these pixels, as x0,y0,x1,y1 from the top left; empty is all, or the scene's crop.",
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
    time_limit: Annotated[Text, readable(parse_span)] = Field(
        default="", description="End a still after this time, such as 90s, 30m or 1h30m, with what is rendered by then."
    )
    finish_by: Annotated[
        str, BeforeValidator(deadline_text), readable(lambda text: next_moment(text, datetime.now().astimezone()))
    ] = Field(
        default="",
        description="When it must be ready, such as 08:00; it is forecast whether it will be, and nothing ends then.",
    )
    camera: Text = Field(default="", description="Name or number of the camera; empty is the scene's first.")
    parameters: Annotated[dict[str, str], BeforeValidator(name_value_pairs)] = Field(
        default={},
        description="Values of the scene's own parameters, as name=value,name=value; "
        "a Blender file has scene, view_layer and the custom properties of its scene.",
    )
    aovs: Annotated[list[Aov], BeforeValidator(comma_list)] = Field(
        default=[], title="AOVs", description="Extra channels of the EXR: depth, normal, albedo."
    )
    denoise: bool = Field(
        default=False,
        description="Denoise each finished picture (Open Image Denoise), guided by albedo and normal where the "
        "renderer has them.",
    )
    seed: int = Field(default=0, description="Seed of the noise; the same seed gives the same picture.", ge=0, lt=2**32)
    mode: Mode = Field(
        default=Mode.AUTO,
        description="auto keeps all nodes busy; frames never cuts a frame; tiles spreads every frame over all nodes.",
    )
    travel: Annotated[TransferMode, BeforeValidator(bool_to_yes_no)] = Field(
        default=TransferMode.AUTO,
        description="auto sends the scene's files to nodes that don't see the same ones at its path; yes sends them to "
        "all nodes; no excludes nodes that see others.",
    )
    bake: Annotated[BakeMode, BeforeValidator(bool_to_yes_no)] = Field(
        default=BakeMode.AUTO,
        description="Simulations that aren't baked in the scene: auto has a node bake them first, up to the last frame "
        "that needs them; no refuses the job.",
    )
    allow_scripts: bool = Field(
        default=False,
        description="Run the Python in a Blender file: drivers and registered texts. Only for files you trust.",
    )
    out: str = Field(default="renders", description="Where the pictures go: a folder or s3://bucket/prefix.")
    overwrite: bool = Field(
        default=False,
        description="Replace files of this name that another job wrote, or that no job is known to have written.",
    )
    name: Text = Field(default="", description="Name of the job and its files; empty is the scene's name.")
    formats: Annotated[list[Format], BeforeValidator(comma_list)] = Field(
        default=[Format.EXR, Format.PNG],
        description="Files written for each frame: exr, png.",
        min_length=1,
    )
    exr: ExrType = Field(default=ExrType.HALF, title="EXR", description="Precision of EXR colours: half or float.")
    png_bits: Annotated[Literal[8, 16], BeforeValidator(text_to_number)] = Field(
        default=8, title="PNG bits", description="Bits a channel of PNG files: 8 or 16."
    )
    view: View = Field(
        default=View.SCENE,
        description="How light becomes PNG colours: scene as the scene itself says, and srgb where it doesn't; "
        "srgb, aces (filmic) or raw.",
    )
    exposure: float = Field(
        default=0.0, description="Stops of exposure added to PNG files, beside the scene's own.", ge=-20, le=20
    )
    priority: int = Field(default=50, description="0 to 100; more urgent jobs get nodes first.", ge=0, le=100)
    min_nodes: int = Field(default=0, description="Nodes it keeps when more urgent jobs take all others.", ge=0)
    max_nodes: int | None = Field(default=None, description="The most nodes it gets; empty is no limit.", ge=1)
    groups: Annotated[list[str], BeforeValidator(comma_list)] = Field(
        default=[], description="Groups whose nodes it may get; empty is all nodes."
    )
    local: bool | None = Field(
        default=None,
        description="no excludes the machine it is submitted from; yes adds it to a farm that runs elsewhere.",
    )
    attempts: int = Field(default=3, description="Attempts at a unit before its frame fails.", ge=1, le=20)
    unit_timeout_s: float | None = Field(
        default=None, title="Unit timeout (s)", description="Seconds one unit may take; empty is no limit.", gt=0
    )
    keep_units: bool = Field(default=False, description="Keep the units in the store when the job is done.")
    movie: Annotated[list[Codec], BeforeValidator(comma_list)] = Field(
        default=[], description="Movies made of the frames when all are in place: h264, hevc, av1, prores."
    )
    fps: Annotated[Text, readable(parse_fps, optional=False)] = Field(
        default="24", title="FPS", description="Frames a second of movies, such as 25, 23.976 or 30000/1001."
    )
    contact_sheet: bool = Field(default=False, description="Make a contact sheet of the frames.")
    checks: Annotated[Checks, BeforeValidator(bool_to_yes_no)] = Field(
        default=Checks.WARN,
        description="Suspicious frames (black, of one colour, magenta of images that can't be read; in a sequence "
        "also doubled, flickering, fireflies) are flagged, the first one at once; rerender also renders those of a "
        "sequence once more; no skips the check.",
    )
    notify: Annotated[list[str], BeforeValidator(comma_list)] = Field(
        default=[], description="Who is notified when it ends: names of targets in notify.yaml of FRONTBURNER_HOME."
    )

    @field_validator("scene")
    @classmethod
    def _scene_is_named(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("names no file. Give the path of a scene.")
        return value

    @field_validator("scene", "renderer_build", "out", "camera", "groups", "parameters", "notify")
    @classmethod
    def _is_one_line(cls, value: T) -> T:
        return require_one_line(value)

    @field_validator("renderer")
    @classmethod
    def _renderer_is_known(cls, value: str) -> str:
        if value != AUTO and value not in RENDERERS:
            raise ValueError(f"is not a renderer. Known are {AUTO}, {', '.join(sorted(RENDERERS))}.")
        return value

    @field_validator("name")
    @classmethod
    def _name_is_a_file_name(cls, value: str) -> str:
        if value and (not re.fullmatch(r"[\w][\w .+-]{0,99}", value) or len(value.encode()) > MAX_NAME_BYTES):
            wrong = re.search(r"[^\w .+-]", value)
            because = f", since it has {wrong[0]!a}" if wrong else ""
            raise ValueError(
                f"can't name files{because}. Use letters, digits, spaces and . _ + - (100 at most, a letter or digit "
                "first)."
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
    def _files_can_have_its_name(self) -> RenderJob:
        if fault := name_fault(f"{self.title}.exr"):
            whose = f"name '{self.name}'" if self.name else f"scene '{self.scene}'"
            raise ValueError(f"{whose}: files can't have {fault}. Give the job another name.")
        return self

    @model_validator(mode="after")
    def _region_fits(self) -> RenderJob:
        if self.region:
            region = parse_region(self.region)
            if self.size and not region.within(parse_size(self.size)):
                raise ValueError(outside_frame(self.region, parse_size(self.size)))
        return self

    @model_validator(mode="after")
    def _nodes_fit(self) -> RenderJob:
        if self.max_nodes is not None and self.min_nodes > self.max_nodes:
            raise ValueError(f"min_nodes {self.min_nodes}: is more than max_nodes, which is {self.max_nodes}.")
        return self

    @model_validator(mode="after")
    def _time_limit_is_for_a_still(self) -> RenderJob:
        if self.time_limit and self.frames and len(parse_frames_of_job(self.frames) or ()) > 1:
            raise ValueError(f"time_limit '{self.time_limit}': {NO_TIME_FOR_SEQUENCES}")
        return self

    @property
    def limits(self) -> Limits:
        """Limits that may end its pictures early."""
        return Limits(time_s=parse_span(self.time_limit) if self.time_limit else None, noise=self.noise)

    @property
    def title(self) -> str:
        """The job's name, which its files have too."""
        stem = paths.name_of(self.scene).stem.replace("#", "").rstrip(". ")
        return self.name or re.sub(r"[^\w.+-]+", "-", stem).strip("-.") or "render"

    @property
    def job_id(self) -> str:
        """Title and a digest of the document: the same document is the same job, and resumes where it stopped.

        Fields that say how it is rendered, not what, don't count.
        """
        return f"{self.title}-{digest_of(self)}"

    @property
    def terms(self) -> ShareTerms:
        """Which nodes of the farm it may take, and how many."""
        return ShareTerms(
            min_nodes=self.min_nodes, max_nodes=self.max_nodes, groups=tuple(self.groups), local=self.local
        )

    @property
    def renderer_name(self) -> str:
        """The renderer's name; for auto, the one the scene file belongs to."""
        return renderer_for(self.scene) if self.renderer == AUTO else self.renderer


def make_job(document: dict[str, Any]) -> RenderJob:
    """Check a job document. Raises `JobRefused` with every problem it has."""
    try:
        return RenderJob.model_validate(document)
    except ValidationError as error:
        problems = problems_of(error, RenderJob, "a job")
        raise JobRefused(reason="The job was refused before anything started:", remedy="", problems=problems) from None
