"""AWS takes so many things in one request: the rest goes into the next."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

One = TypeVar("One")


def batches(things: Iterable[One], most: int) -> Iterator[tuple[One, ...]]:
    """The things in their order, ``most`` at a time, fewer in the last; none of nothing."""
    left = iter(things)
    while some := tuple(islice(left, most)):
        yield some
