"""Headers that every response carries, so that a browser lets a page do no more than it must."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
"""No script, style, frame or address but our own, and none that stands in a page."""

ALWAYS = {
    "x-content-type-options": "nosniff",
    # Not `no-referrer`: with it a browser sends `Origin: null` with our own forms.
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-resource-policy": "same-origin",
}
HSTS = "max-age=31536000"
"""A year, as browsers' own lists ask; without the subdomains, which are not ours to speak for."""

FIRST_ERROR = 400


class SecurityHeaders:
    """Adds them to each response; ``Cache-Control`` to those that say nothing of it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and the response with its headers."""

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add(MutableHeaders(scope=message), scope, message["status"])
            await send(message)

        await self._app(scope, receive, send_guarded)


def _add(headers: MutableHeaders, scope: Scope, status: int) -> None:
    for name, value in ALWAYS.items():
        headers[name] = value
    # The page to sign in has a stricter one.
    headers.setdefault("content-security-policy", CSP)
    if scope["scheme"] == "https":
        headers["strict-transport-security"] = HSTS
    if status >= FIRST_ERROR:
        headers["cache-control"] = "no-store"
    else:
        headers.setdefault("cache-control", "private, no-cache")
