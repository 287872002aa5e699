"""What every request passes first: it gets an id, and who sent it is found out."""

from uuid import uuid4

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from api.security.principal import Access


class Gate:
    """The outermost ASGI middleware."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with ``request.state.request_id`` and ``.principal``."""
        if scope["type"] == "http":
            state = scope.setdefault("state", {})
            state.setdefault("request_id", uuid4().hex)
            state["principal"] = self._access.principal(HTTPConnection(scope))
        await self._app(scope, receive, send)
