"""The official MCP client, as a test asks with it."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import anyio
from mcp import Client, MCPError
from mcp.types import CallToolResult, TextContent

from api.tools.catalogue import TOOLS

Answer = TypeVar("Answer")

NODEPOOL = """
apiVersion: karpenter.sh/v1
kind: NodePool
metadata:
  name: gpu-spot
spec:
  template:
    spec:
      nodeClassRef: {group: karpenter.k8s.aws, kind: EC2NodeClass, name: default}
      requirements:
      - {key: karpenter.sh/capacity-type, operator: In, values: [spot]}
      - {key: node.kubernetes.io/instance-type, operator: In, values: [p3.2xlarge]}
"""
"""A NodePool that allows one type, of unknown risk."""

EXAMPLES: dict[str, dict[str, Any]] = {
    "search": {"gpus": 1, "sort_by": "price", "limit": 5},
    "rank": {"gpus": 1, "restart_seconds": 600},
    "explain": {
        "gpus": 1,
        "pool_provider": "aws",
        "pool_region": "us-east-1",
        "pool_zone": "use1-az4",
        "pool_instance_type": "g5.xlarge",
    },
    "risk": {"provider": ["aws"], "horizon": "1h"},
    "price_history": {"provider": "aws", "instance_type": "g5.xlarge", "step": "1h"},
    "lead_time": {"weights_gb": 16.0, "provider": ["aws"]},
    "nodepool": {"provider": ["aws"], "region": ["us-east-1"], "gpus": 1},
    "plan": {"provider": ["aws"], "region": ["us-east-1"], "gpus": 1, "current": NODEPOOL},
    "feeds": {"late_only": False},
}
"""Arguments with which each tool answers of `a_market`."""

BAD: dict[str, dict[str, Any]] = {
    "search": {"limit": 51},
    "rank": {"gpus": -1},
    "explain": {"pool_zone": ""},
    "risk": {"horizon": "2h"},
    "price_history": {"step": "2h"},
    "lead_time": {"weights_gb": -1},
    "nodepool": {"types_max": 0},
    "plan": {"current": "kind: NodePool"},
    "feeds": {"late_only": "perhaps"},
}
"""Arguments of which the only one is wrong."""


def asked(target: Any, work: Callable[[Client], Awaitable[Answer]], **how: Any) -> Answer:
    """What ``work`` gives with a client of ``target``: a server, a command or an address.

    Raises:
        MCPError: the server refused.
    """
    refused: list[MCPError] = []

    async def run() -> Answer | None:
        async with Client(target, **how) as client:
            try:
                return await work(client)
            except MCPError as error:  # in here, as the client's tasks would wrap it in groups
                refused.append(error)
        return None

    answer = anyio.run(run)
    if refused:
        raise refused[0]
    assert answer is not None
    return answer


def called(target: Any, name: str, arguments: dict[str, Any] | None = None) -> CallToolResult:
    """What the tool answers; the client checks it against the schema that the tool declares."""
    return asked(target, lambda client: client.call_tool(name, arguments or {}))


def text_of(result: CallToolResult) -> str:
    """The words of an answer."""
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


async def every_tool(client: Client) -> dict[str, CallToolResult]:
    """What each tool that is listed answers to its example."""
    listed = [one.name for one in (await client.list_tools()).tools]
    return {name: await client.call_tool(name, EXAMPLES[name]) for name in listed}


def tool_names() -> list[str]:
    """The names of all tools."""
    assert TOOLS
    return [one.name for one in TOOLS]
