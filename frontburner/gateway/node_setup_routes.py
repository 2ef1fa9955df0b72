"""What a machine that becomes a node gets from the gateway: the scripts, and what they install."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - dataclasses read annotations
from typing import TYPE_CHECKING

from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from frontburner.credentials.permissions import JOIN
from frontburner.gateway.auth_middleware import error_response
from frontburner.node_setup.invitation import SCRIPTS, script_text
from frontburner.node_setup.offer import kept_wheel, offer
from frontburner.node_setup.own_wheel import own_wheel
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from starlette.requests import Request

    from frontburner.credentials.tokens import TokenStore
    from frontburner.gateway.auth_middleware import RateLimit

_BINARY = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSetupRoutes:
    """The routes by which machines become nodes.

    Parameters
    ----------
    wheels
        Folder of the packages that are kept for nodes without internet.
    """

    tokens: TokenStore
    rate_limit: RateLimit
    wheels: Path

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            *(Route(f"/{name}", self.script, methods=["GET"]) for name in SCRIPTS.values()),
            Route(f"{JOIN}/setup", self.setup, methods=["GET"]),
            Route(f"{JOIN}/wheel/{{name}}", self.wheel, methods=["GET"]),
            Route(f"{JOIN}/packages/{{system}}/{{name}}", self.package, methods=["GET"]),
        ]

    async def script(self, request: Request) -> Response:
        """Answer with a script if the query is the key of a valid invitation. The key is no secret, nor the script."""
        if not self.tokens.invites(request.url.query):
            refusal = self.rate_limit.fail(request.client.host if request.client else "")
            return refusal or error_response(401, "This invitation is unknown, or has expired: get another one.")
        return PlainTextResponse(script_text(request.url.path.removeprefix("/")))

    async def setup(self, request: Request) -> Response:
        """Answer with what is to be installed on a system."""
        try:
            document = await asyncio.to_thread(offer, request.query_params.get("system", ""), self.wheels)
        except FrontburnerError as error:
            return JSONResponse({"reason": error.reason, "remedy": error.remedy}, 409)
        return JSONResponse(document)

    async def wheel(self, request: Request) -> Response:
        """Answer with the manager's own wheel."""
        own = await asyncio.to_thread(own_wheel)
        if request.path_params["name"] != own.name:
            return error_response(404, "This manager has another version.")
        return Response(own.data, media_type=_BINARY)

    async def package(self, request: Request) -> Response:
        """Answer with the wheel of a package that is kept."""
        system, name = request.path_params["system"], request.path_params["name"]
        path = await asyncio.to_thread(kept_wheel, self.wheels, system, name)
        if path is None:
            return error_response(404, "There is no such package.")
        return FileResponse(path, media_type=_BINARY)
