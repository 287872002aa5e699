"""How a request says which page it wants."""

from typing import Annotated

from fastapi import Query

LARGEST = 1_000
"""Items on a page at most."""

Limit = Annotated[int, Query(ge=1, le=LARGEST, description="Items on a page, at most.")]
Cursor = Annotated[
    str | None,
    Query(max_length=2_000, description="The `next_cursor` of the page before; none for the first"),
]
