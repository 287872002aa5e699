"""Azure Resource Graph: a query in KQL, answered in pages."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from collector.errors import SourceChangedError
from collector.payload import members, reading, text
from collector.provider import Source
from collector.providers.azure.client import connection_of

PATH = "/providers/Microsoft.ResourceGraph/resources"
API_VERSION = "2022-10-01"
PAGE_SIZE = 1000
"""The most that the API gives at once."""
PERMISSION = "Microsoft.ResourceGraph/resources/read"

Row = Mapping[str, Any]


def pages(source: Source, feed: str, query: str) -> Iterator[Sequence[Row]]:
    """The rows that answer ``query``, a page at a time. It must order them, or pages overlap.

    Raises:
        SourceChangedError: a page token repeats, or a cut answer comes without one.
    """
    token = ""
    seen: set[str] = set()
    while True:
        reply = _ask(source, feed, query, token)
        with reading(feed, "Resource Graph"):
            yield members(reply, "data")
            token = text({"$skipToken": reply.get("$skipToken") or ""}, "$skipToken")
            is_cut = text(reply, "resultTruncated") == "true"
        if not token:
            if is_cut:
                raise SourceChangedError(feed, "Resource Graph cut its answer and gave no token")
            return
        if token in seen:
            raise SourceChangedError(feed, "Resource Graph's page token repeats")
        seen.add(token)


def _ask(source: Source, feed: str, query: str, token: str) -> Any:
    options: dict[str, object] = {
        "resultFormat": "objectArray",
        "authorizationScopeFilter": "AtScopeAboveAndBelow",
        "$top": PAGE_SIZE,
    }
    if token:
        options["$skipToken"] = token
    return connection_of(source, feed).call(
        source.http,
        "POST",
        PATH,
        source=feed,
        permission=PERMISSION,
        params={"api-version": API_VERSION},
        body={"query": query, "options": options},
    )
