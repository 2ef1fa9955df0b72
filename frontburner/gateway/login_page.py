"""The page on which people sign in with a token."""

from __future__ import annotations

import base64
import hashlib
from html import escape

from starlette.responses import HTMLResponse

_STYLE = (
    ":root{color-scheme:light dark;font:1rem/1.5 system-ui,sans-serif}"
    "body{margin:0;min-height:100vh;display:grid;place-content:center;background:#f6f4f0;color:#1d1b18}"
    "main{width:min(26rem,88vw)}h1{font-size:1.35rem;margin:0 0 .25rem}p{margin:0 0 1.25rem;color:#5b564e}"
    "label{display:block;font-weight:600;margin-bottom:.35rem}"
    "input{box-sizing:border-box;width:100%;font:inherit;padding:.6rem .7rem;border:1px solid #8d867a;"
    "border-radius:.4rem;background:#fff;color:inherit}"
    "button{margin-top:.9rem;font:inherit;font-weight:600;padding:.6rem 1.2rem;border:0;border-radius:.4rem;"
    "background:#9c3d10;color:#fff;cursor:pointer}"
    ":is(input,button,a):focus-visible{outline:3px solid #d9763a;outline-offset:2px}"
    "[role=alert]{color:#9a1616;font-weight:600}a{color:#9c3d10}"
    "@media(prefers-color-scheme:dark){body{background:#191714;color:#ece8e1}p{color:#b3aca1}"
    "input{background:#24211d;border-color:#7c756a}a{color:#f0a06a}[role=alert]{color:#ff9d9d}}"
)
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_CSP = f"default-src 'none'; style-src 'sha256-{_DIGEST}'; form-action 'self'; frame-ancestors 'none'"


def login_page(problem: str = "", status: int = 200) -> HTMLResponse:
    """Return the page, with what was wrong with the last attempt."""
    alert = f'<p role="alert">{escape(problem)}</p>' if problem else ""
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Frontburner: sign in</title><style>{_STYLE}</style><main>"
        "<h1>Frontburner</h1><p>Sign in with a token. Whoever runs the farm makes one with "
        "<code>frontburner token add</code>.</p>"
        f"{alert}"
        '<form method="post" action="/login"><label for="token">Token</label>'
        '<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>'
        "<button>Sign in</button></form></main></html>"
    )
    return HTMLResponse(page, status, {"content-security-policy": _CSP})
