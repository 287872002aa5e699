"""What a user wants read: regions, instance types, placement-score profiles and feeds, as YAML.

::

    regions:
      aws: [us-east-1, eu-west-1]
      gcp: [us-central1]
    instance_types: [g6.xlarge, ecs.gn7i-c8g1.2xlarge, g2-standard-8]
    feeds:
      aws.website_spot: on        # a feed that is off by default
      alibaba.price: off
    profiles:
      - name: inference
        provider: aws
        instance_types: [g6.xlarge, g5.xlarge, g6e.xlarge]
        count: 8
        regions: [us-east-1]
        zonal: true

Everything may be left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from collector.payload import mapping, text, whole_number
from collector.profiles import WorkloadProfile
from collector.provider import Feed, Provider

FIELDS = {"regions", "instance_types", "feeds", "profiles"}
PROFILE_FIELDS = {"name", "provider", "instance_types", "count", "regions", "zonal"}


class WatchlistError(Exception):
    """A watchlist that cannot be used; says where, what, and what it should hold."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path}: {what}")


@dataclass(frozen=True, slots=True)
class Watchlist:
    """What is to be read. Empty, it means each provider's default regions and feeds."""

    regions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    instance_types: tuple[str, ...] = ()
    feeds: Mapping[str, bool] = field(default_factory=dict)
    profiles: tuple[WorkloadProfile, ...] = ()

    def regions_of(self, provider: Provider) -> tuple[str, ...]:
        """The provider's regions that are to be read."""
        return self.regions.get(provider.name, provider.default_regions)

    def wants(self, feed: Feed) -> bool:
        """Whether the feed is to be read: by the user's word, else unless it is opt-in."""
        return self.feeds.get(feed.name, feed.opt_in is None)


def read_watchlist(path: Path, known: Mapping[str, Provider]) -> Watchlist:
    """Read a watchlist.

    Raises:
        WatchlistError: not there, no YAML, or an entry that nothing here can mean.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise WatchlistError(path, f"cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise WatchlistError(path, f"is no YAML ({error})") from error
    try:
        return _watchlist(document, known)
    except KeyError as error:
        raise WatchlistError(path, f"missing {error}") from error
    except (TypeError, ValueError) as error:
        raise WatchlistError(path, str(error)) from error


def _watchlist(document: Any, known: Mapping[str, Provider]) -> Watchlist:
    if not isinstance(document, Mapping):
        raise TypeError(f"holds {document!r:.40}, not the fields {', '.join(sorted(FIELDS))}")
    _only(document, FIELDS, "the watchlist")
    feeds = {feed.name for provider in known.values() for feed in provider.feeds}
    regions = mapping({"regions": {}, **document}, "regions")
    wanted = mapping({"feeds": {}, **document}, "feeds")
    _only(regions, set(known), "regions")
    _only(wanted, feeds, "feeds")
    for name in wanted:
        if not isinstance(wanted[name], bool):
            raise TypeError(f"feeds: {name} is {wanted[name]!r}; write on or off")
    profiles = document.get("profiles", [])
    if not isinstance(profiles, list):
        raise TypeError(f"profiles is {profiles!r:.40}, not a list")
    return Watchlist(
        regions={name: _texts(regions, name) for name in regions},
        instance_types=_texts({"instance_types": [], **document}, "instance_types"),
        feeds=dict(wanted),
        profiles=tuple(_profile(one, place, known) for place, one in enumerate(profiles, 1)),
    )


def _profile(entry: Any, place: int, known: Mapping[str, Provider]) -> WorkloadProfile:
    where = f"profile {place}"
    if not isinstance(entry, Mapping):
        raise TypeError(f"{where} is {entry!r:.40}, not fields")
    _only(entry, PROFILE_FIELDS, where)
    try:
        profile = WorkloadProfile(
            name=text(entry, "name"),
            provider=text(entry, "provider"),
            instance_types=_texts(entry, "instance_types"),
            count=whole_number(entry, "count"),
            regions=_texts({"regions": [], **entry}, "regions"),
            is_zonal=_flag({"zonal": True, **entry}, "zonal"),
        )
    except KeyError as error:
        raise ValueError(f"{where}: missing {error}") from error
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: {error}") from error
    _only({profile.provider: None}, set(known), f"{where}: provider")
    if profile.count < 1 or not profile.instance_types:
        raise ValueError(f"{where}: give a count of at least 1 and at least one instance type")
    return profile


def _texts(holder: Mapping[str, Any], field_name: str) -> tuple[str, ...]:
    value = holder[field_name]
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise TypeError(f"{field_name} is {value!r:.60}, not a list of texts")
    return tuple(value)


def _flag(holder: Mapping[str, Any], field_name: str) -> bool:
    value = holder[field_name]
    if not isinstance(value, bool):
        raise TypeError(f"{field_name} is {value!r:.40}, not true or false")
    return value


def _only(holder: Mapping[Any, Any], allowed: set[str], where: str) -> None:
    if unknown := [str(one) for one in holder if one not in allowed]:
        raise ValueError(
            f"{where}: unknown {', '.join(unknown)}; known are {', '.join(sorted(allowed))}"
        )
