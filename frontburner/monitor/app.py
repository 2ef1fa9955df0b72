"""The monitor as an ASGI app: the page, the documents it shows (server-sent events), pictures, and controls.

One file over 300 lines: it is the list of endpoints, a few lines each.
"""

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
from frontburner.monitor.requests import (
    CONFLICT,
    BadRequest,
    RequestRefused,
    allow_all,
    problems_by_field,
    read_json,
    require,
    validate,
)
from frontburner.monitor.submit_page import SubmitPage
from frontburner.record.registry import JobActionRefused, UnknownJob
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from frontburner.monitor.drop_handler import DropHandler
    from frontburner.monitor.farm_source import FarmSource
    from frontburner.monitor.requests import Permission, PermissionCheck
    from frontburner.monitor.thumbnails import Image
    from frontburner.node_setup.invitation import Invitation
    from frontburner.record.registry import JobLocation

    Inviter = Callable[[], Invitation]

PAGE = Path(__file__).with_name("page")
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
SECURITY_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def make_app(
    source: FarmSource,
    *,
    allowed: PermissionCheck = allow_all,
    hosts: Sequence[str] = LOOPBACK,
    drops: DropHandler | None = None,
    user_of: Callable[[Request], str] = lambda _: "",
    invite: Inviter | None = None,
) -> Starlette:
    """Make the app.

    Parameters
    ----------
    source
        The farm that is shown.
    allowed
        Whether a request may look, submit, or operate; its user has been authenticated by the app around this one.
    hosts
        Host names it may be reached by: others, whose DNS entry an attacker points here, are refused.
    drops
        Accepts scenes that are dropped on the page; without it, none are accepted.
    user_of
        Returns the user's name of a request.
    invite
        Makes an invitation by which machines become nodes; without it, this farm has one machine alone.
    """
    endpoints = _Endpoints(hub=Hub(source=source), source=source, allowed=allowed, invite=invite)
    submit = SubmitPage(hub=endpoints.hub, drops=drops, allowed=allowed, user_of=user_of)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        endpoints.hub.start()
        submit.start_cleanup()
        try:
            yield
        finally:
            await endpoints.hub.stop()
            submit.stop_cleanup()

    app = Starlette(
        routes=[
            Route("/api/me", endpoints.me),
            Route("/api/stream", endpoints.stream),
            Route("/api/stream/job/{job}", endpoints.stream),
            Route("/api/stream/node/{node}", endpoints.stream),
            Route("/api/jobs", endpoints.jobs),
            Route("/api/nodes", endpoints.nodes),
            Route("/api/invitations", endpoints.make_invitation, methods=["POST"]),
            Route("/api/jobs/{job}/frames/{frame:int}/small", endpoints.small),
            Route("/api/jobs/{job}/frames/{frame:int}/file.{ending}", endpoints.file),
            Route("/api/jobs/{job}/parts/{where}", endpoints.part),
            Route("/api/jobs/{job}/chart.png", endpoints.chart),
            Route("/api/jobs/{job}/{action}", endpoints.act_on_job, methods=["POST"]),
            Route("/api/nodes/{node}/check", endpoints.check_node, methods=["POST"]),
            Route("/api/nodes/{node}/{action}", endpoints.act_on_node, methods=["POST"]),
            Route("/api/licences/{renderer}", endpoints.limit_renderer, methods=["POST"]),
            *submit.routes(),
            Mount("/", StaticFiles(directory=PAGE, html=True)),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts)), Middleware(_SecurityHeaders)],
        exception_handlers={FrontburnerError: _error_response},
        lifespan=lifespan,
    )
    app.state.hub = endpoints.hub
    return app


class _SecurityHeaders:
    """Middleware that adds security headers to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
                known = {name for name, _ in message["headers"]}
                if b"cache-control" not in known:
                    headers.append((b"cache-control", b"no-cache"))
                message["headers"] = [*message["headers"], *headers]
            await send(message)

        await self.app(scope, receive, send_with_headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Endpoints:
    """The endpoints of the app."""

    hub: Hub
    source: FarmSource
    allowed: PermissionCheck
    invite: Inviter | None

    async def me(self, request: Request) -> Response:
        """What the user may do."""
        permissions: tuple[Permission, ...] = ("look", "submit", "operate")
        may = {permission: self.allowed(request, permission) for permission in permissions}
        return JSONResponse(may | {"invite": may["operate"] and self.invite is not None})

    async def stream(self, request: Request) -> Response:
        """Follow the farm, a job or a node."""
        require(request, "look", self.allowed)
        self.hub.start()
        names = request.path_params
        topic = f"{JOB}{names['job']}" if "job" in names else f"{NODE}{names['node']}" if "node" in names else FARM
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(self._events(topic), media_type="text/event-stream", headers=headers)

    async def _events(self, topic: str) -> AsyncIterator[str]:
        async for kind, document in self.hub.follow(topic):
            yield f"event: {kind}\ndata: {json.dumps(document, separators=(',', ':'))}\n\n"

    async def jobs(self, request: Request) -> Response:
        """All jobs, for programs."""
        require(request, "look", self.allowed)
        return JSONResponse(list(self.hub.document(FARM)["jobs"].values()))

    async def nodes(self, request: Request) -> Response:
        """All nodes, for programs."""
        require(request, "look", self.allowed)
        return JSONResponse(list(self.hub.document(FARM)["nodes"].values()))

    async def small(self, request: Request) -> Response:
        """A thumbnail of a frame."""
        px = request.query_params.get("px", "")
        longer_px = int(px) if px.isdecimal() and len(px) < 6 else thumbnails.SIZES[1]

        def find(location: JobLocation) -> Image | None:
            outputs = self._outputs(request)
            if outputs:
                return thumbnails.thumbnail(location, outputs, longer_px)
            return thumbnails.preview(location, self._stem(request), longer_px)

        return await self._image(request, find, cacheable="v" in request.query_params)

    async def file(self, request: Request) -> Response:
        """A frame's file as it is."""
        ending = request.path_params["ending"]
        return await self._image(request, lambda location: thumbnails.file(location, self._outputs(request), ending))

    async def part(self, request: Request) -> Response:
        """A part of a still; no content if it isn't in the store yet, or was deleted with its units."""
        return await self._image(request, lambda location: thumbnails.part(location, request.path_params["where"]))

    async def chart(self, request: Request) -> Response:
        """The chart of a job."""
        return await self._image(request, thumbnails.chart)

    async def _image(
        self, request: Request, find: Callable[[JobLocation], Image | None], *, cacheable: bool = False
    ) -> Response:
        require(request, "look", self.allowed)
        image = await asyncio.to_thread(find, self._location(request))
        if image is None:
            return JSONResponse({"reason": "There is no such picture yet.", "remedy": ""}, status_code=404)
        if image is thumbnails.EMPTY:
            return Response(status_code=204)
        headers = {"cache-control": "private, max-age=86400" if cacheable else "no-cache"}
        if image.name:
            headers["content-disposition"] = f"inline; filename*=UTF-8''{quote(image.name, safe='')}"
        return Response(image.data, media_type=image.media_type, headers=headers)

    async def act_on_job(self, request: Request) -> Response:
        """Suspend, cancel, resume, run again, set the priority."""
        job = request.path_params["job"]

        async def act(given: actions.ActionInput) -> list[str]:
            action, report_late = request.path_params["action"], partial(self.hub.note, job)
            return await actions.act_on_job(self.source, self._location(request), action, given, report_late)

        return await self._operate(request, act, job=job)

    async def act_on_node(self, request: Request) -> Response:
        """Pause, resume, drain, remove, exclude, include, set groups and hours."""

        async def act(given: actions.ActionInput) -> list[str]:
            node, action = request.path_params["node"], request.path_params["action"]
            return await actions.act_on_node(self.source, node, action, given)

        return await self._operate(request, act)

    async def limit_renderer(self, request: Request) -> Response:
        """Limit the use of a renderer."""

        async def act(given: actions.ActionInput) -> list[str]:
            return await actions.limit_renderer(self.source, request.path_params["renderer"], given)

        return await self._operate(request, act)

    async def make_invitation(self, request: Request) -> Response:
        """Make an invitation, and return the commands with it: the only time they are shown."""
        require(request, "operate", self.allowed)
        if self.invite is None:
            raise RequestRefused(
                reason="No other machine can join this farm.",
                remedy="Start one that others can join: frontburner farm up --host ADDRESS.",
                status=CONFLICT,
            )
        invitation = await asyncio.to_thread(self.invite)
        minutes = round(invitation.lifetime.total_seconds() / 60)
        return JSONResponse({"name": invitation.name, "minutes": minutes, "commands": invitation.commands()})

    async def check_node(self, request: Request) -> Response:
        """Check a node, and return its readiness."""
        require(request, "operate", self.allowed)
        return JSONResponse(dict(await actions.check_node(self.source, request.path_params["node"])))

    async def _operate(
        self, request: Request, act: Callable[[actions.ActionInput], Awaitable[list[str]]], *, job: str = ""
    ) -> Response:
        require(request, "operate", self.allowed)
        messages = await act(validate(actions.ActionInput, await read_json(request)))
        self.hub.refresh(job)
        return JSONResponse({"said": messages})

    def _location(self, request: Request) -> JobLocation:
        job = request.path_params["job"]
        watched = self.hub.jobs.get(job)
        if watched is None:
            raise UnknownJob(reason=f"There is no job '{job}' here.", remedy="`frontburner job list` shows them.")
        return watched.location

    def _outputs(self, request: Request) -> Sequence[str]:
        return self.hub.jobs[request.path_params["job"]].outputs.get(request.path_params["frame"], ())

    def _stem(self, request: Request) -> str:
        return self.hub.jobs[request.path_params["job"]].stem(request.path_params["frame"])


def _error_response(_: Request, error: Exception) -> Response:
    """Return an error with its reason and remedy."""
    assert isinstance(error, FrontburnerError)
    status = 503 if error.retryable else 409
    body: dict[str, object] = {"reason": error.reason, "remedy": error.remedy}
    match error:
        case JobRefused():
            status = 400
            body |= {"reason": str(error), "fields": problems_by_field(error.problems)}
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
    return JSONResponse(body, status_code=status)
