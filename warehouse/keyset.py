"""Places, and pages by key: what questions over whole tables have in common.

A page begins behind the key of the last row of the page before, so it costs the same however far
in, and rows that are added meanwhile neither repeat nor hide one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""There was no spot market before, and nothing is told of what comes after."""

PLACES = """
        (cast($providers as varchar[]) is null or list_contains($providers, provider))
        and (cast($regions as varchar[]) is null or list_contains($regions, region))
        and (cast($zones as varchar[]) is null or zone = '*' or list_contains($zones, zone))
        and (
            cast($types as varchar[]) is null
            or instance_type in (select unnest(cast($types as varchar[])))
            or list_bool_or(
                list_transform(cast($patterns as varchar[]), lambda one: instance_type glob one)
            )
        )
"""
"""Condition on a row with the four columns of a pool. What holds for a region (zone ``*``) is in
every zone of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Which pools; None is every one. ``types`` are shell patterns (``g5.*``)."""

    providers: Sequence[str] | None = None
    regions: Sequence[str] | None = None
    zones: Sequence[str] | None = None
    types: Sequence[str] | None = None

    def given(self) -> dict[str, list[str] | None]:
        """The parameters of `PLACES`."""
        return {
            "providers": _listed(self.providers),
            "regions": _listed(self.regions),
            "zones": _listed(self.zones),
            "types": _listed(self.types),
            "patterns": [one for one in self.types or () if set(one) & WILD],
        }


WILD = set("*?[")
"""What makes a pattern of a name; plain names are looked up, which is much faster for many."""

EVERYWHERE = Places()


def behind(names: Sequence[str], after: Sequence[Any] | None) -> dict[str, Any]:
    """A key as the parameters ``after_`` and its names; each is null if there is none."""
    values: Sequence[Any] = [None] * len(names) if after is None else after
    return {f"after_{name}": value for name, value in zip(names, values, strict=True)}


def _listed(names: Sequence[str] | None) -> list[str] | None:
    return list(names) if names else None
