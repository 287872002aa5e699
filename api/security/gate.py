"""What every request passes before the application, in this order.

The headers of the response, the address behind a proxy, pages of other origins
(CORS), the announced size, who is asking, how often, the body; then the application. Whoever is
not known gets health and a page to sign in, and nothing else. What is refused here ends in a
problem document with the request id.
"""

import logging
from http import HTTPStatus

from anyio import CapacityLimiter, to_thread
from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from api.security.access import KeyedAccess
from api.security.body import check_length, whole
from api.security.credentials import Kind, credential_of, hide_query_key
from api.security.headers import SecurityHeaders
from api.security.limits import Limit, Standing, home_of
from api.security.origins import check_own
from api.security.principal import ANYONE, LOCAL, Access, Principal, unknown
from api.security.settings import GateSettings
from api.security.sign_in import (
    END_PATH,
    MOST_FORM_BYTES,
    form_of,
    is_safe,
    is_sign_in,
    sign_in_page,
    signed_in,
    signed_out,
    wants_page,
)
from api.web.problems import Problem, document

logger = logging.getLogger("spotcast.security")

OPEN = frozenset({"/healthz", "/readyz"})
"""Read by probes, which have no key; they tell no more than the names of late feeds."""

AT_ONCE = 8
"""Tokens that are checked at the same time, each in a thread: a check may wait for the issuer."""

FAILED = "The server failed at this. Its log has the error, under the request id."

CORS = {
    "allow_methods": ("GET", "HEAD", "POST"),
    "allow_headers": (
        *("authorization", "content-type", "if-none-match", "idempotency-key"),
        *("last-event-id", "x-api-key", "x-request-id"),
    ),
    "expose_headers": (
        *("etag", "link", "ratelimit", "ratelimit-policy", "retry-after"),
        *("spotcast-as-of", "spotcast-stale", "x-request-id"),
    ),
    "allow_credentials": False,
}
"""What a page of an origin in SPOTCAST_CORS_ORIGINS may do: send a key, never our cookie."""


class Gate:
    """ASGI middleware, around all but what writes requests down (`api.server.observing`)."""

    def __init__(self, app: ASGIApp, access: Access, settings: GateSettings | None = None) -> None:
        settings = settings or GateSettings()
        inner: ASGIApp = _Doorkeeper(app, access, settings)
        if settings.cors_origins:
            inner = CORSMiddleware(inner, allow_origins=settings.cors_origins, **CORS)  # type: ignore[arg-type] # the names are those of its arguments
        inner = SecurityHeaders(inner)
        if settings.trusted_proxies:
            inner = ProxyHeadersMiddleware(inner, list(settings.trusted_proxies))  # type: ignore[arg-type, assignment] # uvicorn has its own names for the same types
        self._app = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with ``request.state.principal``."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            scope["state"]["principal"] = None
            await self._app(scope, receive, send)
        else:  # there is no WebSocket here
            await send({"type": "websocket.close", "code": 1008})


class _Doorkeeper:
    """Lets in who is known, and answers everybody else."""

    def __init__(self, app: ASGIApp, access: Access, settings: GateSettings) -> None:
        self._app = app
        self._access = access
        self._settings = settings
        self._threads = CapacityLimiter(AT_ONCE)
        self._requests = Limit("requests", settings.requests_per_minute)
        self._failures = Limit("failures", settings.failures_per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            passed = await self._judged(Request(scope, receive))
        except Problem as problem:
            passed = _refused(scope, problem)
        if isinstance(passed, Response):
            await passed(scope, receive, send)
        else:
            await self._answered(scope, passed, send)

    async def _judged(self, asking: Request) -> Response | Receive:
        """The answer, or the request as the application is to receive it."""
        check_length(asking.scope, self._settings.max_body_bytes)
        if asking.scope["path"] in OPEN:
            return asking.receive
        if isinstance(self._access, KeyedAccess) and is_sign_in(asking):
            return await self._session(asking, self._access)
        principal = await self._principal(asking)
        if principal is None:
            return self._unknown(asking)
        asking.state.principal = principal
        self._count(asking, principal)
        return await self._body(asking, self._settings.max_body_bytes)

    async def _principal(self, asking: Request) -> Principal | None:
        """Who is asking; a token is checked in a thread, for it may have to wait."""
        shown = credential_of(asking)
        asking.state.is_failure = shown is not None and shown.kind is not Kind.SESSION
        try:
            if shown and shown.kind is Kind.TOKEN:
                return await to_thread.run_sync(
                    self._access.principal, asking, limiter=self._threads
                )
            return self._access.principal(asking)
        finally:
            hide_query_key(asking.scope)

    def _unknown(self, asking: Request) -> Response:
        if asking.state.is_failure:
            self._count_failure(asking)
        if isinstance(self._access, KeyedAccess) and wants_page(asking):
            return sign_in_page(asking)
        return _refused(asking.scope, unknown())

    async def _session(self, asking: Request, access: KeyedAccess) -> Response:
        """Sign in or out; only our own page may ask for it."""
        check_own(asking)
        if asking.scope["path"] == END_PATH:
            access.sign_out(asking)
            return signed_out()
        if not is_safe(asking):
            return sign_in_page(asking)
        receive = await self._body(asking, MOST_FORM_BYTES)
        form = form_of(await Request(asking.scope, receive).body())
        session = access.sign_in(form.key)
        if session is None:
            self._count_failure(asking)
            return sign_in_page(asking, wrong=True, after=form.after)
        return signed_in(asking, session, form.after)

    async def _body(self, asking: Request, most: int) -> Receive:
        seconds = self._settings.body_seconds
        return await whole(asking.scope, asking.receive, most=most, seconds=seconds)

    def _count(self, asking: Request, principal: Principal) -> None:
        """Whoever is on this machine is not counted: he could do worse."""
        if principal is LOCAL:
            return
        who = _home(asking) if principal is ANYONE else principal.name
        standing = self._requests.counted(who)
        asking.state.standing = standing
        if not standing.is_within:
            raise _too_many(standing)

    def _count_failure(self, asking: Request) -> None:
        home = _home(asking)
        standing = self._failures.counted(home)
        if not standing.is_within:
            raise _too_many(standing)
        logger.info("wrong key: address=%s request_id=%s", home, asking.state.request_id)

    async def _answered(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application's answer; a problem document if it fails, and the error goes on."""
        standing: Standing | None = scope["state"].get("standing")
        is_begun = False

        async def telling(message: Message) -> None:
            nonlocal is_begun
            is_begun = True
            if standing and message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(standing.headers())
            await send(message)

        try:
            await self._app(scope, receive, telling)
        except Exception:
            if not is_begun:
                failed = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, FAILED)
                await _refused(scope, failed)(scope, receive, send)
            raise


def _refused(scope: Scope, problem: Problem) -> Response:
    return document(Request(scope), problem.status, problem.detail, headers=problem.headers)


def _home(asking: HTTPConnection) -> str:
    return home_of(asking.client.host) if asking.client else "unknown"


def _too_many(standing: Standing) -> Problem:
    return Problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        f"More than {standing.limit:,} {standing.name} in a minute: come back in "
        f"{standing.reset_seconds} s.",
        headers=standing.headers(),
    )
