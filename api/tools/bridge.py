"""The tools of a running `spotcast serve`, for a client that can only start a command.

Everything is asked of that server's ``/mcp`` as it comes in, so tools and answers are the
server's own, whatever version it has. Each question is one request: a server that was started
anew meanwhile is no matter.
"""

import ssl
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, TypeVar

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.server import Server, ServerRequestContext
from mcp.types import (
    INTERNAL_ERROR,
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    GetPromptRequest,
    GetPromptRequestParams,
    GetPromptResult,
    ListPromptsRequest,
    ListPromptsResult,
    ListResourcesRequest,
    ListResourcesResult,
    ListToolsRequest,
    ListToolsResult,
    PaginatedRequestParams,
    ReadResourceRequest,
    ReadResourceRequestParams,
    ReadResourceResult,
    Result,
    TextContent,
)
from mcp.types.version import LATEST_MODERN_VERSION

from api.tools.server import INSTRUCTIONS

TIMEOUT = httpx2.Timeout(60.0, connect=5.0)
"""Seconds. A question may wait for the first view of a large market, which takes some."""

REASONS: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "it wants a key: set SPOTCAST_API_KEY to one that is valid there",
    HTTPStatus.FORBIDDEN: "the key in SPOTCAST_API_KEY lacks the scope read",
    HTTPStatus.NOT_FOUND: "it has no /mcp: install the extra there, pip install 'spotcast[mcp]'",
    HTTPStatus.TOO_MANY_REQUESTS: "too many requests; ask again in a minute",
}
"""Why a server that answers does not let us in."""

Answer = TypeVar("Answer", bound=Result)
Context = ServerRequestContext[Any]


@dataclass(frozen=True, slots=True)
class Remote:
    """A running server; ``key`` is sent to it and to nobody else."""

    url: str
    key: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext = field(default_factory=httpx2.create_ssl_context, repr=False)
    """Made once: it reads the certificates of all authorities, which takes longer than to ask."""

    async def asked(self, request: Any, kind: type[Answer]) -> Answer:
        """What it answers.

        Raises:
            MCPError: it refuses, or cannot be reached; says why.
        """
        refused: list[int] = []
        problems: list[BaseException] = []
        try:
            async with self._connection(refused) as client:
                return await client.session.send_request(request, kind)
        except* (MCPError, httpx2.HTTPError) as errors:
            problems = list(_leaves(errors))
        told = next((one for one in problems if isinstance(one, MCPError)), None)
        if told is not None and not refused:
            raise told
        raise MCPError(INTERNAL_ERROR, f"{self.url}: {_reason(refused, problems)}.")

    @asynccontextmanager
    async def _connection(self, refused: list[int]) -> AsyncGenerator[Client]:
        """A client that notes in ``refused`` with which status HTTP itself turned us away.

        Errors of the protocol have such a status as well, but their body says more.
        """

        async def note(response: httpx2.Response) -> None:
            if response.is_error and b'"jsonrpc"' not in await response.aread():
                refused.append(response.status_code)

        headers = {"user-agent": f"spotcast/{version('spotcast')}"}
        if self.key:
            headers["authorization"] = f"Bearer {self.key}"
        async with httpx2.AsyncClient(
            headers=headers, timeout=TIMEOUT, verify=self.tls, event_hooks={"response": [note]}
        ) as http:
            way = streamable_http_client(f"{self.url}/mcp", http_client=http)
            async with Client(way, mode=LATEST_MODERN_VERSION, cache=None) as client:
                yield client


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors in a group of groups."""
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _leaves(one)
    else:
        yield error


def _reason(refused: Sequence[int], problems: Sequence[BaseException]) -> str:
    if refused:
        return REASONS.get(refused[-1], f"it answered with status {refused[-1]}")
    why = ", ".join(type(one).__name__ for one in problems)
    return f"cannot be reached ({why}); is `spotcast serve` running there"


def bridge(remote: Remote) -> Server[Any]:
    """A server that hands each question on to ``remote``."""

    async def list_tools(_: Context, asked: PaginatedRequestParams | None) -> ListToolsResult:
        return await remote.asked(ListToolsRequest(params=asked), ListToolsResult)

    async def call_tool(_: Context, asked: CallToolRequestParams) -> CallToolResult:
        try:
            return await remote.asked(CallToolRequest(params=asked), CallToolResult)
        except MCPError as error:
            told = TextContent(type="text", text=error.message)
            return CallToolResult(content=[told], is_error=True)

    async def list_resources(
        _: Context, asked: PaginatedRequestParams | None
    ) -> ListResourcesResult:
        return await remote.asked(ListResourcesRequest(params=asked), ListResourcesResult)

    async def read_resource(_: Context, asked: ReadResourceRequestParams) -> ReadResourceResult:
        return await remote.asked(ReadResourceRequest(params=asked), ReadResourceResult)

    async def list_prompts(_: Context, asked: PaginatedRequestParams | None) -> ListPromptsResult:
        return await remote.asked(ListPromptsRequest(params=asked), ListPromptsResult)

    async def get_prompt(_: Context, asked: GetPromptRequestParams) -> GetPromptResult:
        return await remote.asked(GetPromptRequest(params=asked), GetPromptResult)

    return Server(
        "spotcast",
        title="Spotcast",
        version=version("spotcast"),
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_read_resource=read_resource,
        on_list_prompts=list_prompts,
        on_get_prompt=get_prompt,
    )
