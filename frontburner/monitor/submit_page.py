"""The endpoints of the page **Submit**: receive files, inspect the scene, submit its job."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from frontburner.jobs.job import JobRefused, make_job
from frontburner.monitor.requests import CONFLICT, BadRequest, RequestRefused, read_json, require, validate
from frontburner.monitor.scene_inspection import inspect_scene, scenes_in
from frontburner.monitor.upload_files import MAX_FILES, unpack
from frontburner.settings import Settings
from storage.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.requests import Request

    from frontburner.monitor.drop_handler import DropHandler, SubmittedJob
    from frontburner.monitor.hub import Hub
    from frontburner.monitor.requests import PermissionCheck
    from frontburner.monitor.uploads import Upload, Uploads

MAX_LIST_BYTES = 4_000_000
"""Maximum size of the list of files."""
PATH = "/api/submissions"
CLEANUP_INTERVAL_S = 600.0
NO_SCENES = "This monitor accepts no scenes."


class File(BaseModel):
    """A file to upload."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=4000)
    size: int = Field(ge=0)


class Files(BaseModel):
    """All files to upload."""

    model_config = ConfigDict(extra="forbid")

    files: list[File] = Field(max_length=MAX_FILES)


class SceneJob(BaseModel):
    """Which of the scenes to render, and the fields of its job."""

    model_config = ConfigDict(extra="forbid")

    scene: str = Field(default="", max_length=4000)
    job: dict[str, Any] = {}


@dataclass(slots=True, kw_only=True)
class SubmitPage:
    """The endpoints."""

    hub: Hub
    drops: DropHandler | None
    allowed: PermissionCheck
    user_of: Callable[[Request], str]
    _reading: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)
    _waiting: set[asyncio.Task[None]] = field(init=False, default_factory=set)
    _cleanup: asyncio.Task[None] | None = field(init=False, default=None)

    def routes(self) -> list[Route]:
        """The routes of the endpoints."""
        return [
            Route(PATH, self.limits, methods=["GET"]),
            Route(PATH, self.begin, methods=["POST"]),
            Route(f"{PATH}/{{key}}/{{nth:int}}", self.receive, methods=["PUT"]),
            Route(f"{PATH}/{{key}}/read", self.read, methods=["POST"]),
            Route(f"{PATH}/{{key}}/render", self.render, methods=["POST"]),
            Route(f"{PATH}/{{key}}/discard", self.discard, methods=["POST"]),
        ]

    def start_cleanup(self) -> None:
        """Delete stalled uploads from now on, for as long as there are uploads."""
        uploads = self.drops.uploads if self.drops else None
        if uploads is not None and (self._cleanup is None or self._cleanup.done()):
            self._cleanup = asyncio.create_task(_clean_up(uploads))

    def stop_cleanup(self) -> None:
        """Stop deleting uploads."""
        if self._cleanup is not None:
            self._cleanup.cancel()

    async def limits(self, request: Request) -> Response:
        """Return whether scenes are accepted, and their maximum size."""
        require(request, "submit", self.allowed)
        self.start_cleanup()
        uploads = self.drops.uploads if self.drops else None
        why = self.drops.why_not if self.drops else NO_SCENES
        return JSONResponse({"most_bytes": uploads.max_bytes} if uploads else {"most_bytes": 0, "why_not": why})

    async def begin(self, request: Request) -> Response:
        """Begin an upload, of which all files are announced."""
        require(request, "submit", self.allowed)
        files = validate(Files, await read_json(request, MAX_LIST_BYTES)).files
        key = self._uploads.begin([file.name for file in files], [file.size for file in files])
        self.start_cleanup()
        return JSONResponse({"submission": key}, 201)

    async def receive(self, request: Request) -> Response:
        """Write a file to the disk as it arrives."""
        require(request, "submit", self.allowed)
        with suppress(ClientDisconnect):  # the upload is deleted, and nobody reads the response
            await self._uploads.receive(request.path_params["key"], request.path_params["nth"], request.stream())
        return Response(status_code=204)

    async def read(self, request: Request) -> Response:
        """Return the scenes of an upload, and the form's values for one of them."""
        require(request, "submit", self.allowed)
        given, key = validate(SceneJob, await read_json(request)), request.path_params["key"]
        upload = self._complete(key)
        async with self._reading:  # renderers take memory: one at a time
            if len(upload.names) == 1 and upload.names[0].lower().endswith(".zip") and not upload.unpacked:
                try:
                    await asyncio.to_thread(unpack, upload.folder / upload.names[0], self._uploads.max_bytes)
                except BaseException:
                    self._uploads.discard(key)
                    raise
                upload.unpacked = True
            scenes = await asyncio.to_thread(scenes_in, upload.folder)
            scene = _chosen(given.scene, scenes)
            logs = Settings().home / "logs"
            values = await asyncio.to_thread(inspect_scene, upload.folder / scene, logs)
        name = self._uploads.destination(key, values["title"]).name
        return JSONResponse({"scenes": scenes, "scene": scene, "out": self._handler.out(name), **values})

    async def render(self, request: Request) -> Response:
        """Keep the scene, and submit its job; errors are returned by field."""
        require(request, "submit", self.allowed)
        given, key = validate(SceneJob, await read_json(request)), request.path_params["key"]
        upload = self._complete(key)
        scene = _chosen(given.scene, await asyncio.to_thread(scenes_in, upload.folder))
        job = {name: value for name, value in given.job.items() if name != "scene"}
        await asyncio.to_thread(self._check, upload.folder, scene, job)
        folder = self._uploads.keep(key, make_job({"scene": scene}).title)
        submitted = await self._handler.submit({**job, "scene": str(folder / scene)}, self.user_of(request))
        self._uploads.finish(key)
        self._follow(submitted)
        return JSONResponse({"job": submitted.job_id, "said": submitted.message}, 201)

    async def discard(self, request: Request) -> Response:
        """Delete an upload."""
        require(request, "submit", self.allowed)
        self._uploads.discard(request.path_params["key"])
        return JSONResponse({"said": []})

    @property
    def _handler(self) -> DropHandler:
        if self.drops is None:
            raise RequestRefused(reason=NO_SCENES, remedy="", status=CONFLICT)
        return self.drops

    @property
    def _uploads(self) -> Uploads:
        uploads = self._handler.uploads
        if uploads is None:
            raise RequestRefused(reason=self._handler.why_not, remedy="", status=CONFLICT)
        return uploads

    def _complete(self, key: str) -> Upload:
        upload = self._uploads.get(key)
        if not upload.complete:
            raise RequestRefused(reason="Not all files are there yet.", remedy="Send them first.", status=CONFLICT)
        return upload

    def _check(self, folder: Path, scene: str, job: dict[str, Any]) -> None:
        """Check the job with the scene where it is now."""
        try:
            self._handler.check({**job, "scene": str(folder / scene)})
        except StoreError as error:
            problem = f"out: {error}"
            raise JobRefused(reason="The job was refused:", remedy="", problems=(problem,)) from None
        except JobRefused as refused:  # the temporary folder means nothing to the user
            problems = tuple(problem.replace(f"{folder}/", "") for problem in refused.problems)
            raise JobRefused(reason=refused.reason, remedy=refused.remedy, problems=problems) from None

    def _follow(self, submitted: SubmittedJob) -> None:
        """Have the page show that a job starts, or why it couldn't."""
        known = self.hub.jobs.get(submitted.job_id)
        earlier_runs = known.row.get("runs", 0) if known else 0
        self.hub.expect(submitted.job_id, submitted.message)
        if submitted.failure is None:
            return

        async def wait() -> None:
            assert submitted.failure is not None
            why = await submitted.failure()
            now = self.hub.jobs.get(submitted.job_id)
            if why and (now is None or now.row.get("runs", 0) == earlier_runs):
                self.hub.expect(submitted.job_id, why)

        task = asyncio.create_task(wait())
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)


async def _clean_up(uploads: Uploads) -> None:
    while uploads.clean_up():
        await asyncio.sleep(CLEANUP_INTERVAL_S)


def _chosen(wanted: str, scenes: list[str]) -> str:
    if wanted and wanted not in scenes:
        raise BadRequest(
            reason=f"{wanted[:120]!a} is none of the scenes.", remedy=f"There are {', '.join(scenes[:5])}."
        )
    return wanted or scenes[0]
