"""How tools say numbers and ages to people; a missing one is said to be unknown."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from api.service.page import Page
from api.units import age_text

UNKNOWN = "unknown"


def usd(value: float | None) -> str:
    """``0.4532 USD/h``."""
    return f"{UNKNOWN} price in USD" if value is None else f"{value:.4f} USD/h"


def share(value: float | None) -> str:
    """``12.3%``."""
    return UNKNOWN if value is None else f"{100 * value:.3g}%"


def moment(at: datetime | None) -> str:
    """``2026-11-24 09:00 UTC``."""
    return UNKNOWN if at is None else f"{at:%Y-%m-%d %H:%M} UTC"


def place(provider: str, region: str, zone: str) -> str:
    """``aws use1-az4``; of a price for a whole region ``aws us-east-1 (any zone)``."""
    return f"{provider} {region} (any zone)" if zone == "*" else f"{provider} {region} {zone}"


def page_text(page: Page, heading: str, lines: Iterable[str]) -> str:  # type: ignore[type-arg] # of any item
    """A heading, what is stale of it and how old it is, a line for each item, and the notes."""
    parts = [f"{heading} (as of {moment(page.as_of)})", *stale_text(page), *lines]
    return told([*parts, *page.notes])


def stale_text(page: Page) -> Sequence[str]:  # type: ignore[type-arg] # of any item
    """The line that says that an answer is too old to stand for now; none if it is not."""
    if not page.is_stale:
        return []
    if page.data_as_of is None:
        return ["STALE: some of this is too old to stand for now."]
    age = age_text(page.as_of - page.data_as_of)
    return [f"STALE: some of this is too old to stand for now; the oldest is {age} old."]


def told(lines: Iterable[str]) -> str:
    """The lines that say something, one below the other."""
    return "\n".join(line for line in lines if line)
