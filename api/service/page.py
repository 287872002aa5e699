"""A page of items, and cursors: where the last item stood, not how many came before it.

So a page is right when rows are added meanwhile, and the thousandth costs what the first did.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, Field

MOST = 2**31
"""Items that can come before a page; more than any list has."""

Item = TypeVar("Item", bound=BaseModel)


class Page(BaseModel, Generic[Item]):
    """Items, with what must be known of all of them."""

    items: list[Item]
    next_cursor: str | None = Field(
        default=None, description="Ask again with `cursor` set to this for the items that follow."
    )
    as_of: datetime = Field(description="The moment that ages and staleness are told for.")
    data_as_of: datetime | None = Field(
        default=None, description="When the oldest fact in the answer was last known to be true."
    )
    is_stale: bool = Field(
        default=False, description="Whether an item rests on data too old to stand for now."
    )
    notes: list[str] = Field(default_factory=list, description="What must be said of the answer.")


class CursorError(Exception):
    """A cursor that no page gave."""

    def __init__(self) -> None:
        super().__init__(
            "This is no cursor of ours: take the next_cursor of a page, or leave it out."
        )


def encoded(position: Sequence[Any]) -> str:
    """The cursor of the item that stands at ``position`` (values of JSON)."""
    text = json.dumps(list(position), separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decoded(cursor: str, length: int) -> list[Any]:
    """The position, of so many values.

    Raises:
        CursorError: it is none of ours.
    """
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        position = json.loads(text)
    except (binascii.Error, ValueError) as error:
        raise CursorError from error
    if not isinstance(position, list) or len(position) != length:
        raise CursorError
    return position


def place(cursor: str | None) -> int:
    """How many items came before, of a list that is made anew for each view; none for None.

    Raises:
        CursorError: it is none of ours.
    """
    if cursor is None:
        return 0
    (first,) = decoded(cursor, 1)
    if not isinstance(first, int) or isinstance(first, bool) or not 0 <= first < MOST:
        raise CursorError
    return first
