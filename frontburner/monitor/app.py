"""The monitor as an ASGI app: the page, what it shows (server-sent events), pictures, and what its controls do."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from frontburner.jobs.job import JobRefused
from frontburner.monitor import actions, thumbnails
from frontburner.monitor.hub import FARM, JOB, NODE, Hub
from frontburner.monitor.page_permissions import document, everyone, refusal
from frontburner.monitor.refusals import BadRequest, RequestRefused, by_field
from frontburner.monitor.submit_page import SubmitPage
from frontburner.record.registry import JobActionRefused, UnknownJob
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from frontburner.monitor.drop_submission import DropHandler
    from frontburner.monitor.farm_source import FarmSource
    from frontburner.monitor.page_permissions import May, Right
    from frontburner.monitor.thumbnails import Image
    from frontburner.record.registry import JobLocation

PAGE = Path(__file__).with_name("page")
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
SAFE = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def monitor(
    source: FarmSource,
    *,
    may: May = everyone,
    hosts: Sequence[str] = LOOPBACK,
    reception: DropHandler | None = None,
    who: Callable[[Request], str] = lambda _: "",
) -> Starlette:
    """Make the app.

    Parameters
    ----------
    source
        The farm that is shown.
    may
        Whether a request may look, submit, or operate; who asks has been made out before, by whoever mounts the app.
    hosts
        Names under which it may be reached: another site's name that leads here is refused.
    reception
        Takes scenes that are dropped on the page; without one, none are taken.
    who
        What whoever asks is called.
    """
    desk = _Pages(hub=Hub(source=source), source=source, may=may)
    submit = SubmitPage(hub=desk.hub, reception=reception, may=may, who=who)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        desk.hub.begin()
        submit.sweep()
        try:
            yield
        finally:
            await desk.hub.end()
            submit.rest()

    app = Starlette(
        routes=[
            Route("/api/me", desk.me),
            Route("/api/stream", desk.stream),
            Route("/api/stream/job/{job}", desk.stream),
            Route("/api/stream/node/{node}", desk.stream),
            Route("/api/jobs", desk.jobs),
            Route("/api/nodes", desk.nodes),
            Route("/api/jobs/{job}/frames/{frame:int}/small", desk.small),
            Route("/api/jobs/{job}/frames/{frame:int}/file.{ending}", desk.file),
            Route("/api/jobs/{job}/parts/{where}", desk.part),
            Route("/api/jobs/{job}/chart.png", desk.chart),
            Route("/api/jobs/{job}/{action}", desk.steer_job, methods=["POST"]),
            Route("/api/nodes/{node}/check", desk.check_node, methods=["POST"]),
            Route("/api/nodes/{node}/{action}", desk.steer_node, methods=["POST"]),
            Route("/api/licences/{renderer}", desk.steer_licence, methods=["POST"]),
            *submit.routes(),
            Mount("/", StaticFiles(directory=PAGE, html=True)),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts)), Middleware(_Safe)],
        exception_handlers={FrontburnerError: _told},
        lifespan=lifespan,
    )
    app.state.hub = desk.hub
    return app


class _Safe:
    """Adds to every answer what keeps a browser from being turned against it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [(name.encode(), value.encode()) for name, value in SAFE.items()]
                known = {name for name, _ in message["headers"]}
                if b"cache-control" not in known:
                    headers.append((b"cache-control", b"no-cache"))
                message["headers"] = [*message["headers"], *headers]
            await send(message)

        await self.app(scope, receive, sending)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pages:
    """Answers requests."""

    hub: Hub
    source: FarmSource
    may: May

    async def me(self, request: Request) -> Response:
        """What whoever asks may do."""
        rights: tuple[Right, ...] = ("look", "submit", "operate")
        return JSONResponse({right: self.may(request, right) for right in rights})

    async def stream(self, request: Request) -> Response:
        """Follow the farm, a job or a node."""
        if (no := self._refused(request, "look")) is not None:
            return no
        self.hub.begin()
        names = request.path_params
        topic = f"{JOB}{names['job']}" if "job" in names else f"{NODE}{names['node']}" if "node" in names else FARM
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(self._told(topic), media_type="text/event-stream", headers=headers)

    async def _told(self, topic: str) -> AsyncIterator[str]:
        async for kind, told in self.hub.follow(topic):
            yield f"event: {kind}\ndata: {json.dumps(told, separators=(',', ':'))}\n\n"

    async def jobs(self, request: Request) -> Response:
        """All jobs, for programs."""
        return self._refused(request, "look") or JSONResponse(list(self.hub.now(FARM)["jobs"].values()))

    async def nodes(self, request: Request) -> Response:
        """All nodes, for programs."""
        return self._refused(request, "look") or JSONResponse(list(self.hub.now(FARM)["nodes"].values()))

    async def small(self, request: Request) -> Response:
        """A small picture of a frame."""
        wanted = request.query_params.get("px", "")
        longer_px = int(wanted) if wanted.isdecimal() and len(wanted) < 6 else thumbnails.SIZES[1]

        def find(place: JobLocation) -> Image | None:
            outputs = self._outputs(request)
            if outputs:
                return thumbnails.small(place, outputs, longer_px)
            return thumbnails.early(place, self._stem(request), longer_px)

        return await self._image(request, find, kept="v" in request.query_params)

    async def file(self, request: Request) -> Response:
        """A frame's file as it is."""
        ending = request.path_params["ending"]
        return await self._image(request, lambda place: thumbnails.file(place, self._outputs(request), ending))

    async def part(self, request: Request) -> Response:
        """A part of a still; no content where it comes in a moment, or has gone since its picture is in place."""
        return await self._image(request, lambda place: thumbnails.part(place, request.path_params["where"]))

    async def chart(self, request: Request) -> Response:
        """The chart of a job."""
        return await self._image(request, thumbnails.chart)

    async def _image(
        self, request: Request, find: Callable[[JobLocation], Image | None], *, kept: bool = False
    ) -> Response:
        if (no := self._refused(request, "look")) is not None:
            return no
        image = await asyncio.to_thread(find, self._place(request))
        if image is None:
            return JSONResponse({"reason": "There is no such picture (yet).", "remedy": ""}, status_code=404)
        if image is thumbnails.NOTHING:
            return Response(status_code=204)
        headers = {"cache-control": "private, max-age=86400" if kept else "no-cache"}
        if image.name:
            headers["content-disposition"] = f"inline; filename*=UTF-8''{quote(image.name, safe='')}"
        return Response(image.data, media_type=image.kind, headers=headers)

    async def steer_job(self, request: Request) -> Response:
        """Suspend, cancel, resume, run again, give a priority."""
        job = request.path_params["job"]

        async def act(given: actions.Given) -> list[str]:
            action, late = request.path_params["action"], partial(self.hub.note, job)
            return await actions.steer_job(self.source, self._place(request), action, given, late)

        return await self._operate(request, act, hurry=job)

    async def steer_node(self, request: Request) -> Response:
        """Pause, resume, drain, remove, exclude, include, group, give hours."""

        async def act(given: actions.Given) -> list[str]:
            node, action = request.path_params["node"], request.path_params["action"]
            return await actions.steer_node(self.source, node, action, given)

        return await self._operate(request, act)

    async def steer_licence(self, request: Request) -> Response:
        """Limit a renderer's use."""

        async def act(given: actions.Given) -> list[str]:
            return await actions.steer_licence(self.source, request.path_params["renderer"], given)

        return await self._operate(request, act)

    async def check_node(self, request: Request) -> Response:
        """Check a node, and say how it came out."""
        if (no := self._refused(request, "operate")) is not None:
            return no
        return JSONResponse(dict(await actions.check_node(self.source, request.path_params["node"])))

    async def _operate(
        self, request: Request, act: Callable[[actions.Given], Awaitable[list[str]]], *, hurry: str = ""
    ) -> Response:
        if (no := self._refused(request, "operate")) is not None:
            return no
        said = await act(actions.given_from(await document(request)))
        self.hub.hurry(hurry)
        return JSONResponse({"said": said})

    def _refused(self, request: Request, right: Right) -> Response | None:
        return refusal(request, right, self.may)

    def _place(self, request: Request) -> JobLocation:
        job = request.path_params["job"]
        watched = self.hub.jobs.get(job)
        if watched is None:
            raise UnknownJob(reason=f"There is no job '{job}' here.", remedy="`frontburner job list` shows them.")
        return watched.place

    def _outputs(self, request: Request) -> Sequence[str]:
        return self.hub.jobs[request.path_params["job"]].outputs.get(request.path_params["frame"], ())

    def _stem(self, request: Request) -> str:
        return self.hub.jobs[request.path_params["job"]].stem(request.path_params["frame"])


def _told(_: Request, error: Exception) -> Response:
    """Say an error as a sentence, with what to do."""
    assert isinstance(error, FrontburnerError)
    status = 503 if error.retryable else 409
    told: dict[str, object] = {"reason": error.reason, "remedy": error.remedy}
    match error:
        case JobRefused():
            status = 400
            told |= {"reason": str(error), "fields": by_field(error.problems)}
        case BadRequest():
            status = 400
        case RequestRefused():
            status = error.status
        case UnknownJob():
            status = 404
        case JobActionRefused():
            status = 409
        case _:
            pass
    return JSONResponse(told, status_code=status)
