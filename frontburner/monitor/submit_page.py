"""What the page on which scenes are dropped asks of the monitor: takes files, reads the scene, has it rendered."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from frontburner.jobs.job import JobRefused, make_job
from frontburner.monitor.dropped_files import read_scene, scenes_in
from frontburner.monitor.page_permissions import document, refusal
from frontburner.monitor.refusals import CONFLICT, BadRequest, RequestRefused
from frontburner.monitor.upload_names import MOST_FILES
from frontburner.monitor.zip_upload import unpack
from frontburner.settings import Settings
from storage.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.requests import Request

    from frontburner.monitor.drop_submission import Begun, DropHandler
    from frontburner.monitor.hub import Hub
    from frontburner.monitor.page_permissions import May
    from frontburner.monitor.uploads import Upload, Uploads

Model = TypeVar("Model", bound=BaseModel)

LIST_BYTES = 4_000_000
"""A list of files has so many bytes at most."""
AT = "/api/submissions"
SWEEP_EVERY_S = 600.0


class File(BaseModel):
    """A file that is to come."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=4000)
    size: int = Field(ge=0)


class Files(BaseModel):
    """All that are to come."""

    model_config = ConfigDict(extra="forbid")

    files: list[File] = Field(max_length=MOST_FILES)


class Choice(BaseModel):
    """Which of the scenes is meant, and how it is to be rendered."""

    model_config = ConfigDict(extra="forbid")

    scene: str = Field(default="", max_length=4000)
    job: dict[str, Any] = {}


@dataclass(slots=True, kw_only=True)
class SubmitPage:
    """Answers requests."""

    hub: Hub
    reception: DropHandler | None
    may: May
    who: Callable[[Request], str]
    _reading: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)
    _waiting: set[asyncio.Task[None]] = field(init=False, default_factory=set)
    _sweeping: asyncio.Task[None] | None = field(init=False, default=None)

    def routes(self) -> list[Route]:
        """Where it answers."""
        return [
            Route(AT, self.terms, methods=["GET"]),
            Route(AT, self.begin, methods=["POST"]),
            Route(f"{AT}/{{key}}/{{nth:int}}", self.take, methods=["PUT"]),
            Route(f"{AT}/{{key}}/read", self.read, methods=["POST"]),
            Route(f"{AT}/{{key}}/render", self.render, methods=["POST"]),
            Route(f"{AT}/{{key}}/discard", self.discard, methods=["POST"]),
        ]

    def sweep(self) -> None:
        """Remove what was broken off, also by an earlier process, from now on for as long as anything is under way."""
        uploads = self.reception.uploads if self.reception else None
        if uploads is not None and (self._sweeping is None or self._sweeping.done()):
            self._sweeping = asyncio.create_task(_sweep(uploads))

    def rest(self) -> None:
        """Sweep no more."""
        if self._sweeping is not None:
            self._sweeping.cancel()

    async def terms(self, request: Request) -> Response:
        """Say whether scenes are taken, and how large."""
        if (no := refusal(request, "submit", self.may)) is not None:
            return no
        self.sweep()
        uploads = self.reception.uploads if self.reception else None
        why = self.reception.why_not if self.reception else "This monitor takes no scenes."
        return JSONResponse({"most_bytes": uploads.most_bytes} if uploads else {"most_bytes": 0, "why_not": why})

    async def begin(self, request: Request) -> Response:
        """Take note of the files that are to come."""
        if (no := refusal(request, "submit", self.may)) is not None:
            return no
        files = _read(Files, await document(request, LIST_BYTES)).files
        key = self._uploads.begin([file.name for file in files], [file.size for file in files])
        self.sweep()
        return JSONResponse({"submission": key}, 201)

    async def take(self, request: Request) -> Response:
        """Write a file to the disk as it comes."""
        if (no := refusal(request, "submit", self.may)) is not None:
            return no
        with suppress(ClientDisconnect):  # what was there is removed, and nobody hears of it
            await self._uploads.take(request.path_params["key"], request.path_params["nth"], request.stream())
        return Response(status_code=204)

    async def read(self, request: Request) -> Response:
        """Say what of it is a scene, and what that says of itself."""
        if (no := refusal(request, "submit", self.may)) is not None:
            return no
        choice, key = _read(Choice, await document(request)), request.path_params["key"]
        upload = self._whole(key)
        async with self._reading:  # renderers take memory: one at a time
            if len(upload.names) == 1 and upload.names[0].lower().endswith(".zip") and not upload.unpacked:
                try:
                    await asyncio.to_thread(unpack, upload.folder / upload.names[0], self._uploads.most_bytes)
                except BaseException:
                    self._uploads.discard(key)
                    raise
                upload.unpacked = True
            scenes = await asyncio.to_thread(scenes_in, upload.folder)
            scene = _chosen(choice.scene, scenes)
            logs = Settings().home / "logs"
            told = await asyncio.to_thread(read_scene, upload.folder / scene, logs)
        kept = self._uploads.home(key, told["title"]).name
        return JSONResponse({"scenes": scenes, "scene": scene, "out": self._open.out(kept), **told})

    async def render(self, request: Request) -> Response:
        """Keep the scene, and have it rendered; what is wrong is said by field."""
        if (no := refusal(request, "submit", self.may)) is not None:
            return no
        choice, key = _read(Choice, await document(request)), request.path_params["key"]
        upload = self._whole(key)
        scene = _chosen(choice.scene, await asyncio.to_thread(scenes_in, upload.folder))
        job = {name: value for name, value in choice.job.items() if name != "scene"}
        await asyncio.to_thread(self._check, upload.folder, scene, job)
        home = self._uploads.settle(key, make_job({"scene": scene}).title)
        begun = await self._open.submit({**job, "scene": str(home / scene)}, self.who(request))
        self._uploads.forget(key)
        self._follow(begun)
        return JSONResponse({"job": begun.job_id, "said": begun.said}, 201)

    async def discard(self, request: Request) -> Response:
        """Remove what was sent."""
        if (no := refusal(request, "submit", self.may)) is not None:
            return no
        self._uploads.discard(request.path_params["key"])
        return JSONResponse({"said": []})

    @property
    def _open(self) -> DropHandler:
        if self.reception is None:
            raise RequestRefused(reason="This monitor takes no scenes.", remedy="", status=CONFLICT)
        return self.reception

    @property
    def _uploads(self) -> Uploads:
        uploads = self._open.uploads
        if uploads is None:
            raise RequestRefused(reason=self._open.why_not, remedy="", status=CONFLICT)
        return uploads

    def _whole(self, key: str) -> Upload:
        upload = self._uploads.of(key)
        if not upload.whole:
            raise RequestRefused(reason="Not all files are there yet.", remedy="Send them first.", status=CONFLICT)
        return upload

    def _check(self, folder: Path, scene: str, job: dict[str, Any]) -> None:
        """Prove the job where the scene lies now."""
        try:
            self._open.check({**job, "scene": str(folder / scene)})
        except StoreError as error:
            problem = f"out: {error}"
            raise JobRefused(reason="The job was refused:", remedy="", problems=(problem,)) from None
        except JobRefused as refused:  # where the scene lies meanwhile means nothing to anybody
            problems = tuple(problem.replace(f"{folder}/", "") for problem in refused.problems)
            raise JobRefused(reason=refused.reason, remedy=refused.remedy, problems=problems) from None

    def _follow(self, begun: Begun) -> None:
        """Have the page say that a job begins, and what kept it from that."""
        known = self.hub.jobs.get(begun.job_id)
        before = known.row.get("runs", 0) if known else 0
        self.hub.expect(begun.job_id, begun.said)
        if begun.fails is None:
            return

        async def wait() -> None:
            assert begun.fails is not None
            why = await begun.fails()
            now = self.hub.jobs.get(begun.job_id)
            if why and (now is None or now.row.get("runs", 0) == before):
                self.hub.expect(begun.job_id, why)

        task = asyncio.create_task(wait())
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)


async def _sweep(uploads: Uploads) -> None:
    while uploads.sweep():
        await asyncio.sleep(SWEEP_EVERY_S)


def _chosen(wanted: str, scenes: list[str]) -> str:
    if wanted and wanted not in scenes:
        raise BadRequest(
            reason=f"{wanted[:120]!a} is none of the scenes.", remedy=f"There are {', '.join(scenes[:5])}."
        )
    return wanted or scenes[0]


def _read(model: type[Model], given: object) -> Model:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()[:5])
        raise BadRequest(reason=f"What was asked can't be read: {wrong}.", remedy="") from None
