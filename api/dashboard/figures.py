"""Numbers, times and ages as the reader of a language writes them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from api.dashboard.language import Words

Seconds = float

UNITS: Sequence[tuple[str, Seconds, Seconds]] = (
    ("seconds", 90, 1),
    ("minutes", 5_400, 60),
    ("hours", 172_800, 3_600),
    ("days", float("inf"), 86_400),
)
"""Each unit, up to how many seconds it is used, and its own seconds; as `api.units.age_text`."""

BANDS = (0.05, 0.10, 0.15, 0.20)
"""Where the familiar bands of AWS Spot Advisor end: below 5 %, 5-10, 10-15, 15-20, above 20 %."""


class Figures:
    """Writes the numbers of one page."""

    def __init__(self, words: Words) -> None:
        self._words = words

    def usd(self, value: float | None, digits: int = 4) -> str | None:
        """``$0.4532``; None stays None."""
        if value is None:
            return None
        sign = "-" if value < 0 else ""
        return f"{sign}${abs(value):,.{digits}f}"

    def share(self, value: float | None, digits: int = 1) -> str | None:
        """A share as percent; what is above 0 is never written as 0."""
        if value is None:
            return None
        least = 10**-digits
        if 0 < 100 * value < least / 2:
            return f"<{least:g}%"
        return f"{100 * value:.{digits}f}%"

    def count(self, value: float | None) -> str | None:
        """A whole number, with its thousands apart."""
        return None if value is None else f"{value:,.0f}"

    def number(self, value: float | None, digits: int = 2) -> str | None:
        """A number without needless zeros."""
        if value is None:
            return None
        text = f"{value:,.{digits}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text

    def span(self, length: timedelta | float | None) -> str | None:
        """A length of time (a plain number is seconds) in its largest sensible unit."""
        if length is None:
            return None
        seconds = length.total_seconds() if isinstance(length, timedelta) else length
        size = abs(seconds)
        for unit, limit, each in UNITS:
            if size < limit:
                return self._words(f"unit.{unit}", n=f"{seconds / each:,.0f}")
        raise AssertionError("the last unit has no limit")

    def horizon(self, seconds: float) -> str:
        """``15 min``, ``1 h``: of a forecast."""
        if seconds < 3_600:  # noqa: PLR2004 - an hour
            return self._words("unit.minutes", n=f"{seconds / 60:g}")
        return self._words("unit.hours", n=f"{seconds / 3_600:g}")

    def at(self, moment: datetime | None) -> str | None:
        """A moment, in UTC."""
        if moment is None:
            return None
        return moment.astimezone(UTC).strftime(self._words("format.moment"))

    def ago(self, age: timedelta | float | None) -> str | None:
        """``5 h ago``."""
        span = self.span(age)
        return None if span is None else self._words("ago", span=span)

    def between(self, low: str | None, high: str | None) -> str:
        """An interval, its ends as they are written."""
        unknown = self._words("unknown")
        return self._words("between", low=low or unknown, high=high or unknown)

    def shares(self, low: float | None, high: float | None) -> str:
        """An interval of shares."""
        return self.between(self.share(low), self.share(high))

    def band(self, share: float) -> str:
        """The familiar band that a share lies in."""
        level = level_of(share)
        ends = [f"{100 * one:g}" for one in BANDS]
        if level == 0:
            return f"<{ends[0]}%"
        return f">{ends[-1]}%" if level == len(BANDS) else f"{ends[level - 1]}-{ends[level]}%"


def level_of(share: float) -> int:
    """0 (the least risk) to 4: the number of the band, for its colour."""
    return sum(share >= end for end in BANDS)
