"""Who may do what on the page; what another site has a browser send is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from starlette.responses import JSONResponse

from frontburner.monitor.refusals import BadRequest

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

Right = Literal["look", "submit", "operate"]
May = Callable[["Request", Right], bool]

OURS = "x-frontburner"
"""A header that only a script of the page itself can send: no other site's form or link has it."""
MOST_BYTES = 64_000
_READS = ("GET", "HEAD")


def everyone(_: Request, __: Right) -> bool:
    """Whoever reaches the app may do all: for a server on loopback alone."""
    return True


def refusal(request: Request, right: Right, may: May) -> Response | None:
    """Refuse who may not, and what another site had a browser send; None where it is allowed."""
    if request.method not in _READS and request.headers.get(OURS) != "1":
        return JSONResponse(
            {"reason": f"Controls are given with the header {OURS}: 1, as the page does.", "remedy": ""},
            status_code=403,
        )
    if may(request, right):
        return None
    return JSONResponse({"reason": f"You may not {right}.", "remedy": "Ask whoever runs the farm."}, status_code=403)


async def document(request: Request, most_bytes: int = MOST_BYTES) -> object:
    """Read a small JSON document; none is an empty one.

    Raises
    ------
    Nonsense
        When it isn't small, or no JSON.
    """
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > most_bytes:
            raise BadRequest(reason=f"More than {most_bytes} bytes were sent.", remedy="Send less.")
    try:
        return json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise BadRequest(reason="What was sent is no JSON.", remedy="Send a JSON object.") from None
