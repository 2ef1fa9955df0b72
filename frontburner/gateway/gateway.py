"""The gateway: the one address of a farm that people, browsers and nodes reach, behind a door that asks for a token."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute

from frontburner.credentials.permissions import JOBS, PEOPLE, PREFECT
from frontburner.credentials.tokens import TokenRefused
from frontburner.gateway.auth_middleware import COOKIE, AuthMiddleware, presented, same_site
from frontburner.gateway.enrolment import Enrolment, EnrolmentRefused
from frontburner.gateway.pages import LOGIN_POLICY, home_page, login_page
from frontburner.gateway.proxy import Proxy
from frontburner.gateway.rate_limit import AT_ONCE, RateLimit
from frontburner.gateway.submit_policy import AllowedPlaces, NotSubmitted, SubmitPolicy
from frontburner.jobs.job import JobRefused
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from frontburner.credentials.authority import Authority
    from frontburner.credentials.tokens import TokenStore

BODY_S = 10.0
"""A stranger's request is read for so long at most."""
COOKIE_S = 30 * 24 * 3600
ALL_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """What the gateway serves.

    Parameters
    ----------
    prefect
        Address of the Prefect server on loopback.
    scheduler
        Address of the scheduler, as nodes reach it.
    environment
        What nodes and operators need of the environment to reach the store.
    failures
        So many attempts may fail in a row from one address.
    inside
        Applications under a path each, behind the door: the monitor at "/", for one.
    metrics
        Answers with the farm's figures, for Prometheus.
    upload_bytes
        The most bytes of a file of a scene that is brought to the monitor.
    """

    authority: Authority
    tokens: TokenStore
    prefect: str
    scheduler: str
    environment: Mapping[str, str] = field(default_factory=dict)
    places: AllowedPlaces = field(default_factory=lambda: AllowedPlaces(scenes=(), pictures=()))
    inside: Mapping[str, Starlette] = field(default_factory=dict)
    metrics: ASGIApp | None = None
    upload_bytes: int = 0
    failures: int = AT_ONCE
    clock: Callable[[], float] = time.monotonic

    def app(self) -> AuthMiddleware:
        """Return the gateway as an application."""
        proxy, attempts = Proxy(server=self.prefect), RateLimit(clock=self.clock, at_once=self.failures)
        desk = _Desk(gateway=self, attempts=attempts, proxy=proxy)

        @asynccontextmanager
        async def lifespan(_app: Starlette) -> AsyncIterator[None]:
            async with AsyncExitStack() as stack:
                stack.push_async_callback(proxy.close)
                for app in self.inside.values():
                    await stack.enter_async_context(app.router.lifespan_context(app))
                yield

        routes = [
            Route("/health", desk.health, methods=["GET", "HEAD"]),
            Route("/ca.pem", desk.certificate, methods=["GET"]),
            Route("/enrol", desk.enrol, methods=["POST"]),
            Route("/login", desk.login, methods=["GET", "POST"]),
            Route("/logout", desk.logout, methods=["POST"]),
            Route("/whoami", desk.whoami, methods=["GET"]),
            Route(JOBS, desk.submit, methods=["POST"]),
            WebSocketRoute(f"{PREFECT}/{{rest:path}}", proxy.socket),
            Route(f"{PREFECT}/{{rest:path}}", proxy.http, methods=list(ALL_METHODS)),
            *([Route("/metrics", self.metrics)] if self.metrics else []),
            *(Mount(path.rstrip("/"), app) for path, app in sorted(self.inside.items(), reverse=True)),
        ]
        if "/" not in self.inside:
            routes.append(Route("/", desk.home, methods=["GET"]))
        inside = Starlette(routes=routes, lifespan=lifespan)
        return AuthMiddleware(inside=inside, tokens=self.tokens, attempts=attempts, upload_bytes=self.upload_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Desk:
    """Answers for the gateway itself."""

    gateway: Gateway
    attempts: RateLimit
    proxy: Proxy

    async def health(self, _request: Request) -> Response:
        """Say that the gateway is there, and nothing else."""
        return PlainTextResponse("ok")

    async def certificate(self, _request: Request) -> Response:
        """Give the authority's certificate, which whoever has a token knows by its fingerprint."""
        return Response(self.gateway.authority.certificate_path.read_bytes(), media_type="application/x-pem-file")

    async def enrol(self, request: Request) -> Response:
        """Take a node or a person in."""
        try:
            token = self.gateway.tokens.check(presented(request.headers)[0] or "")
        except TokenRefused as refused:
            return self._stranger(request, refused)
        office = Enrolment(
            authority=self.gateway.authority, tokens=self.gateway.tokens, scheduler=self.gateway.scheduler,
            environment=self.gateway.environment,
        )  # fmt: skip
        try:
            body = await _soon(request)
            given = await asyncio.to_thread(office.enrol, token, body)
        except FrontburnerError as error:
            return _sentence(error, getattr(error, "status", 400))
        log.info("took in %s by the token %s", given["name"], token.name)
        return JSONResponse(given)

    async def login(self, request: Request) -> Response:
        """Give a browser a cookie for a token that was typed."""
        if request.method == "GET":
            return _login()
        if "origin" in request.headers and not same_site(request.headers):
            return _login("This came from another site.", 403)
        try:
            typed = parse_qs((await _soon(request)).decode("utf-8", "replace"), max_num_fields=4)
            text = typed.get("token", [""])[0].strip()
            token = self.gateway.tokens.check(text)
        except (EnrolmentRefused, ValueError):
            return _login("That couldn't be read.", 400)
        except TokenRefused as refused:
            answer = self._stranger(request, refused)
            return answer if answer.status_code == 429 else _login(refused.reason, 401)
        if token.role not in PEOPLE:
            return _login("This token is for nodes, not for people.", 403)
        log.info("%s signed in", token.name)
        answer = RedirectResponse("/", status_code=303)
        answer.set_cookie(COOKIE, text, max_age=COOKIE_S, path="/", secure=True, httponly=True, samesite="strict")
        return answer

    async def logout(self, _request: Request) -> Response:
        """Take a browser's cookie away."""
        answer = RedirectResponse("/login", status_code=303)
        answer.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")
        return answer

    async def whoami(self, request: Request) -> Response:
        """Say who asks, and what they may."""
        caller = request.state.caller
        return JSONResponse({"name": caller.name, "role": caller.role, "expires": caller.token.expires})

    async def home(self, request: Request) -> Response:
        """Show what there is to see without a monitor."""
        caller = request.state.caller
        page = home_page(caller.name, caller.role)
        return HTMLResponse(page, headers={"content-security-policy": LOGIN_POLICY})

    async def submit(self, request: Request) -> Response:
        """Have a job rendered."""
        try:
            document = json.loads(await request.body())
        except (ValueError, RecursionError):
            return JSONResponse({"reason": "The body is no JSON."}, 400)
        if not isinstance(document, dict):
            return JSONResponse({"reason": "The body must be a job: an object of its fields."}, 400)
        submission = SubmitPolicy(places=self.gateway.places, client=self.proxy.client)
        try:
            given = await submission.submit(document, request.state.caller.name)
        except JobRefused as refused:
            return JSONResponse({"reason": refused.reason, "problems": refused.problems}, 422)
        except NotSubmitted as error:
            return _sentence(error, 503)
        return JSONResponse(given, 201)

    def _stranger(self, request: Request, refused: TokenRefused) -> Response:
        wait_s = self.attempts.fail(request.client.host if request.client else "")
        if wait_s:
            return JSONResponse({"reason": "Too many attempts."}, 429, {"retry-after": str(int(wait_s) + 1)})
        return _sentence(refused, 401)


async def _soon(request: Request) -> bytes:
    """Read a stranger's body, if it comes soon."""
    try:
        async with asyncio.timeout(BODY_S):
            return await request.body()
    except TimeoutError:
        raise EnrolmentRefused(reason="The body didn't come in time.", remedy="Ask again.", status=408) from None


def _login(problem: str = "", status: int = 200) -> Response:
    return HTMLResponse(login_page(problem), status, {"content-security-policy": LOGIN_POLICY})


def _sentence(error: FrontburnerError, status: int) -> Response:
    told: dict[str, Any] = {"reason": error.reason, "remedy": error.remedy}
    return JSONResponse(told, status)
