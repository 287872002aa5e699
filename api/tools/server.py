"""The tools as a server of the Model Context Protocol, by its official SDK.

Each call runs in a thread, as questions to the database wait. What goes wrong with an argument or
the data is an answer of the tool that the model can read and mend; what goes wrong with us is
logged, and the model is told only that.
"""

import logging
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from mcp import MCPError
from mcp.server import Server, ServerRequestContext
from mcp.types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    GetPromptRequestParams,
    GetPromptResult,
    ListPromptsResult,
    ListResourcesResult,
    ListToolsResult,
    PaginatedRequestParams,
    PromptMessage,
    ReadResourceRequestParams,
    ReadResourceResult,
    TextContent,
    TextResourceContents,
    ToolAnnotations,
)
from mcp.types import Prompt as PromptTold
from mcp.types import PromptArgument as PromptArgumentTold
from mcp.types import Resource as ResourceTold
from mcp.types import Tool as ToolTold

from api.service.state import Service
from api.tools.catalogue import TOOLS
from api.tools.prompts import PROMPTS, Prompt
from api.tools.reference import PAGES, Page
from api.tools.tool import ArgumentError, Tool
from api.web.problems import STATUS_OF
from warehouse.errors import WarehouseBusyError

logger = logging.getLogger(__name__)

INSTRUCTIONS = """
Spot-market prices, interruption risk and ranked GPU machines of AWS, Alibaba Cloud, Google Cloud
and Azure, from this installation's own database. Nothing here changes anything.

Numbers carry their source and age. Null or "unknown" is not zero: an unknown risk is not a small
one. Say so when an answer is stale. Act on a forecast only where `may_act` is true. A price or
risk that no tool gave is not known; do not fill it in.
""".strip()

AT_ONCE = 4
"""Calls that run at the same time; more wait. A ranking takes one core."""

TOLD: tuple[type[Exception], ...] = (ArgumentError, *(kind for kind, _ in STATUS_OF))
"""Errors whose sentences are written for users."""

ASK_IT = "If `spotcast serve` holds it, ask that: `spotcast mcp --server http://127.0.0.1:8080`."

DEFECT = "This is a fault of the server, not of the question; its log has the details."

Context = ServerRequestContext[Any]
Before = Callable[[], None]


def nothing_before() -> None:
    """For a server that something else keeps up to date."""


def mcp_server(
    service: Service,
    *,
    before: Before = nothing_before,
    tools: Sequence[Tool[Any, Any]] = TOOLS,
) -> Server[Any]:
    """A server that answers from ``service``; ``before`` runs ahead of each call, in its thread."""
    named = {one.name: one for one in tools}
    pages = {one.uri: one for one in PAGES}
    turns = CapacityLimiter(AT_ONCE)

    async def list_tools(_: Context, __: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=[_tool_told(one) for one in tools])

    async def call_tool(_: Context, asked: CallToolRequestParams) -> CallToolResult:
        tool = named.get(asked.name)
        if tool is None:
            raise MCPError(INVALID_PARAMS, f"There is no tool {asked.name!r:.200}.")
        arguments = asked.arguments or {}
        return await run_sync(lambda: _called(service, before, tool, arguments), limiter=turns)

    async def list_resources(_: Context, __: PaginatedRequestParams | None) -> ListResourcesResult:
        return ListResourcesResult(resources=[_page_told(one) for one in PAGES])

    async def read_resource(_: Context, asked: ReadResourceRequestParams) -> ReadResourceResult:
        page = pages.get(str(asked.uri))
        if page is None:
            raise MCPError(INVALID_PARAMS, f"There is no resource {str(asked.uri)!r:.200}.")
        return ReadResourceResult(
            contents=[
                TextResourceContents(uri=page.uri, text=page.text(), mime_type="text/markdown")
            ]
        )

    async def list_prompts(_: Context, __: PaginatedRequestParams | None) -> ListPromptsResult:
        return ListPromptsResult(prompts=[_prompt_told(one) for one in PROMPTS])

    async def get_prompt(_: Context, asked: GetPromptRequestParams) -> GetPromptResult:
        return _prompt(asked)

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


def _called(
    service: Service, before: Before, tool: Tool[Any, Any], arguments: dict[str, Any]
) -> CallToolResult:
    try:
        before()
        answer, text = tool.call(service, arguments)
    except WarehouseBusyError as error:
        return _failed(f"{error} {ASK_IT}")
    except TOLD as error:
        # Over HTTP the arguments are fields of a body.
        return _failed(str(error).removeprefix("body."))
    except Exception:  # the SDK would hand the text of a defect of ours to the client
        logger.exception("tool failed name=%s", tool.name)
        return _failed(DEFECT)
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=answer)


def _failed(sentence: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=sentence)], is_error=True)


def _tool_told(tool: Tool[Any, Any]) -> ToolTold:
    return ToolTold(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.asks.model_json_schema(),
        output_schema=tool.answers.model_json_schema(mode="serialization"),
        annotations=ToolAnnotations(
            title=tool.title,
            read_only_hint=True,
            destructive_hint=False,
            idempotent_hint=True,
            open_world_hint=False,
        ),
    )


def _page_told(page: Page) -> ResourceTold:
    return ResourceTold(
        uri=page.uri,
        name=page.name,
        title=page.title,
        description=page.description,
        mime_type="text/markdown",
    )


def _prompt_told(prompt: Prompt) -> PromptTold:
    return PromptTold(
        name=prompt.name,
        title=prompt.title,
        description=prompt.description,
        arguments=[
            PromptArgumentTold(name=name, description=meaning, required=name in prompt.required)
            for name, meaning in prompt.arguments.items()
        ],
    )


def _prompt(asked: GetPromptRequestParams) -> GetPromptResult:
    prompt = next((one for one in PROMPTS if one.name == asked.name), None)
    if prompt is None:
        raise MCPError(INVALID_PARAMS, f"There is no prompt {asked.name!r:.200}.")
    try:
        text = prompt.text(asked.arguments or {})
    except ArgumentError as error:
        raise MCPError(INVALID_PARAMS, str(error)) from error
    message = PromptMessage(role="user", content=TextContent(type="text", text=text))
    return GetPromptResult(description=prompt.description, messages=[message])
