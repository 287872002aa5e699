"""Lists that Alibaba Cloud gives page by page, each with the token of the next."""

from collections.abc import Iterator, Mapping
from typing import Any

from collector.errors import SourceChangedError
from collector.http import Fetcher
from collector.payload import reading, text
from collector.providers.alibaba.client import AlibabaConnection


def pages(
    connection: AlibabaConnection,
    fetcher: Fetcher,
    action: str,
    region: str,
    params: Mapping[str, str],
    *,
    feed: str,
) -> Iterator[Any]:
    """All pages of the list that ``params`` narrow; errors are told in the name of ``feed``.

    Raises:
        SourceChangedError: a page's token leads back to a page that was read.
    """
    asked = dict(params)
    seen: set[str] = set()
    while True:
        reply = connection.call(fetcher, action, region, asked, source=feed)
        yield reply
        token = _next_token(reply, f"{action} in {region}", feed)
        if not token:
            return
        if token in seen:
            raise SourceChangedError(feed, f"{action} in {region}: the page token repeats")
        seen.add(token)
        asked["NextToken"] = token


def _next_token(reply: Mapping[str, Any], place: str, feed: str) -> str:
    """The token of the next page; blank on the last, where it may be absent."""
    with reading(feed, place):
        return text({"NextToken": reply.get("NextToken") or ""}, "NextToken")
