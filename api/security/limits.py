"""How often one may ask. The one module that knows the library ``limits``.

The window slides, counted by two counters per key (the library's approximation), so that what is
kept is small and forgotten by itself, however many addresses come.
"""

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from math import floor
from time import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

WINDOW_SECONDS = 60
SLACK = 0.001
"""Seconds: the library's own are rounded, and a moment too early is refused once more."""

ONE_HOME = 64
"""Bits of an IPv6 address that one customer shares: he has all of the rest to himself."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is left to somebody; the names of headers are those of the IETF's draft."""

    name: str
    limit: int
    remaining: int
    reset_seconds: int
    is_within: bool

    def headers(self) -> dict[str, str]:
        """``RateLimit-Policy`` and ``RateLimit``; ``Retry-After`` for who must wait."""
        told = {
            "ratelimit-policy": f'"{self.name}";q={self.limit};w={WINDOW_SECONDS}',
            "ratelimit": f'"{self.name}";r={self.remaining};t={self.reset_seconds}',
        }
        return told if self.is_within else told | {"retry-after": str(self.reset_seconds)}


class Counters(MemoryStorage):
    """The library's counters, which its own thread forgets when they are over.

    There, whoever looks at one that is over forgets it as well, and the thread fails if it does
    so at the same moment. The names hold the minute, so none is looked at for long.
    """

    STORAGE_SCHEME = ["counters"]  # noqa: RUF012 - the library's way to register a kind

    def get(self, key: str) -> int:
        """The count; 0 of one that is over."""
        return self.storage.get(key, 0) if self.expirations.get(key, 0) > time() else 0


class Limit:
    """So many a minute for each one."""

    def __init__(self, name: str, per_minute: int) -> None:
        self._name = name
        self._item = RateLimitItemPerMinute(per_minute)
        self._storage = Counters()
        self._limiter = SlidingWindowCounterRateLimiter(self._storage)

    def counted(self, who: str) -> Standing:
        """Count one more of ``who``'s, unless there are too many, and say how it stands."""
        is_within = self._limiter.hit(self._item, who)
        before, left_of_before, now, left_of_both = self._storage.get_sliding_window(
            self._item.key_for(who), WINDOW_SECONDS
        )
        limit, seconds = self._item.amount, left_of_both - WINDOW_SECONDS
        weight = before * left_of_before / WINDOW_SECONDS + now
        if not is_within:
            seconds = _wait(limit, before, left_of_before, now, seconds)
        remaining = max(limit - floor(weight), 0)
        return Standing(
            self._name, limit, remaining, floor(seconds + SLACK) + 1, is_within=is_within
        )


def _wait(limit: int, before: int, left: float, now: int, to_the_next: float) -> float:
    """Seconds until one more is let in.

    What counts is ``now`` and the share of ``before`` that the sliding window still covers; at
    the next minute ``now`` becomes what was before.
    """
    if now < limit:
        return left - WINDOW_SECONDS * (limit - now) / before
    return to_the_next + WINDOW_SECONDS * (1 - limit / now)


def home_of(address: str) -> str:
    """Who counts as one: an IPv4 address, or the network of 64 bits of an IPv6 address."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return f"{IPv6Address(int(found) >> ONE_HOME << ONE_HOME)}/{ONE_HOME}"
    return str(found)
