"""The gateway's application: routes for enrolment, login, jobs, metrics, the monitor and Prefect, behind a token."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute

from frontburner.credentials.permissions import JOBS, LEAVE, PEOPLE, PREFECT
from frontburner.credentials.tokens import TokenRefused
from frontburner.gateway.auth_middleware import (
    COOKIE,
    MAX_FAILURES,
    AuthMiddleware,
    RateLimit,
    error_response,
    is_same_origin,
    presented_token,
)
from frontburner.gateway.enrolment import Enrolment, EnrolmentRefused
from frontburner.gateway.login_page import login_page
from frontburner.gateway.node_setup_routes import NodeSetupRoutes
from frontburner.gateway.proxy import Proxy
from frontburner.gateway.submit_policy import AllowedLocations, SubmitFailed, submit_job
from frontburner.jobs.job import JobRefused
from frontburner.node_setup.offer import wheels_folder
from frontburner.settings import Settings
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from starlette.requests import Request
    from starlette.types import ASGIApp


BODY_TIMEOUT_S = 10.0
"""Seconds in which the body of a request without a checked token must arrive."""
COOKIE_MAX_AGE_S = 30 * 24 * 3600
ALL_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """What the gateway serves.

    Parameters
    ----------
    prefect
        Address of the Prefect server on loopback.
    wheels
        Folder of the packages that are kept for nodes without internet.
    max_failures
        Failed attempts in a row from one address until it must wait.
    monitor
        The monitor's application, at "/".
    metrics
        Application that answers with the metrics, for Prometheus.
    upload_bytes
        Maximum size of a scene file uploaded to the monitor.
    """

    enrolment: Enrolment
    prefect: str
    locations: AllowedLocations = field(default_factory=lambda: AllowedLocations(scenes=(), pictures=()))
    monitor: Starlette | None = None
    metrics: ASGIApp | None = None
    upload_bytes: int = 0
    wheels: Path = field(default_factory=lambda: wheels_folder(Settings().home))
    max_failures: int = MAX_FAILURES
    clock: Callable[[], float] = time.monotonic

    def app(self) -> AuthMiddleware:
        """Return the ASGI application."""
        proxy = Proxy(server=self.prefect)
        rate_limit = RateLimit(clock=self.clock, max_failures=self.max_failures)
        routes = _Routes(gateway=self, rate_limit=rate_limit, proxy=proxy)

        @asynccontextmanager
        async def lifespan(_app: Starlette) -> AsyncIterator[None]:
            async with AsyncExitStack() as stack:
                stack.push_async_callback(proxy.close)
                if self.monitor:
                    await stack.enter_async_context(self.monitor.router.lifespan_context(self.monitor))
                yield

        table = [
            Route("/health", routes.health, methods=["GET", "HEAD"]),
            Route("/ca.pem", routes.certificate, methods=["GET"]),
            Route("/enrol", routes.enrol, methods=["POST"]),
            Route("/login", routes.login, methods=["GET", "POST"]),
            Route("/logout", routes.logout, methods=["POST"]),
            Route("/whoami", routes.whoami, methods=["GET"]),
            Route(JOBS, routes.submit, methods=["POST"]),
            Route(LEAVE, routes.leave, methods=["POST"]),
            *NodeSetupRoutes(tokens=self.enrolment.tokens, rate_limit=rate_limit, wheels=self.wheels).routes(),
            WebSocketRoute(f"{PREFECT}/{{rest:path}}", proxy.socket),
            Route(f"{PREFECT}/{{rest:path}}", proxy.http, methods=list(ALL_METHODS)),
            *([Route("/metrics", self.metrics)] if self.metrics else []),
            *([Mount("", self.monitor)] if self.monitor else []),
        ]
        app = Starlette(routes=table, lifespan=lifespan)
        return AuthMiddleware(
            app=app, tokens=self.enrolment.tokens, rate_limit=rate_limit, upload_bytes=self.upload_bytes
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Routes:
    """The gateway's own routes."""

    gateway: Gateway
    rate_limit: RateLimit
    proxy: Proxy

    async def health(self, _request: Request) -> Response:
        """Answer that the gateway is up, and nothing else."""
        return PlainTextResponse("ok")

    async def certificate(self, _request: Request) -> Response:
        """Answer with the authority's certificate, which clients verify by the fingerprint in their token."""
        return Response(
            self.gateway.enrolment.authority.certificate_path.read_bytes(), media_type="application/x-pem-file"
        )

    async def enrol(self, request: Request) -> Response:
        """Enrol a node or a person."""
        enrolment = self.gateway.enrolment
        try:
            token = enrolment.tokens.check(presented_token(request.headers)[0] or "")
        except TokenRefused as refused:
            return self._too_many_failures(request) or _refusal(refused, 401)
        try:
            response = await asyncio.to_thread(enrolment.enrol, token, await _read_body(request))
        except FrontburnerError as error:
            return _refusal(error, getattr(error, "status", 400))
        log.info("enrolled %s with the token %s", response["name"], token.name)
        return JSONResponse(response)

    async def login(self, request: Request) -> Response:
        """Give a browser a cookie for the token in the form."""
        if request.method == "GET":
            return login_page()
        if "origin" in request.headers and not is_same_origin(request.headers):
            return login_page("The form came from another site.", 403)
        try:
            form = parse_qs((await _read_body(request)).decode("utf-8", "replace"), max_num_fields=4)
            text = form.get("token", [""])[0].strip()
            token = self.gateway.enrolment.tokens.check(text)
        except (EnrolmentRefused, ValueError):
            return login_page("The form couldn't be read.", 400)
        except TokenRefused as refused:
            return self._too_many_failures(request) or login_page(refused.reason, 401)
        if token.role not in PEOPLE:
            return login_page("This token is for nodes, not for people.", 403)
        log.info("%s signed in", token.name)
        response = RedirectResponse("/", status_code=303)
        response.set_cookie(
            COOKIE, text, max_age=COOKIE_MAX_AGE_S, path="/", secure=True, httponly=True, samesite="strict"
        )
        return response

    async def logout(self, _request: Request) -> Response:
        """Delete a browser's cookie."""
        response = RedirectResponse("/login", status_code=303)
        response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")
        return response

    async def whoami(self, request: Request) -> Response:
        """Answer with the caller's name and role."""
        caller = request.state.caller
        return JSONResponse({"name": caller.name, "role": caller.role, "expires": caller.expires})

    async def leave(self, request: Request) -> Response:
        """Forget the node that asks."""
        try:
            await asyncio.to_thread(self.gateway.enrolment.leave, request.state.caller)
        except EnrolmentRefused as refused:
            return _refusal(refused, refused.status)
        log.info("%s left the farm", request.state.caller.node)
        return JSONResponse({"name": request.state.caller.node})

    async def submit(self, request: Request) -> Response:
        """Submit a job."""
        try:
            document = json.loads(await request.body())
        except (ValueError, RecursionError):
            return error_response(400, "The body isn't JSON.")
        if not isinstance(document, dict):
            return error_response(400, "The body must be a job: an object of its fields.")
        try:
            ids = await submit_job(
                document, request.state.caller.name, locations=self.gateway.locations, client=self.proxy.client
            )
        except JobRefused as refused:
            return JSONResponse({"reason": refused.reason, "problems": refused.problems}, 422)
        except SubmitFailed as error:
            return _refusal(error, 503)
        return JSONResponse(ids, 201)

    def _too_many_failures(self, request: Request) -> Response | None:
        return self.rate_limit.fail(request.client.host if request.client else "")


async def _read_body(request: Request) -> bytes:
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            return await request.body()
    except TimeoutError:
        raise EnrolmentRefused(reason="The body didn't arrive in time.", remedy="Try again.", status=408) from None


def _refusal(error: FrontburnerError, status: int) -> Response:
    return JSONResponse({"reason": error.reason, "remedy": error.remedy}, status)
