"""Google Cloud's capacity advice: how likely it is that one request is met now, and lasts.

An answer holds for the whole request: so many machines, of any of these types, in this place. It
comes without a time, so it is true when we asked. It recommends shards, which zone and type to
take; the scores are theirs together.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from collector.errors import NotOfferedError
from collector.payload import mapping, members, number, reading, text, whole_number
from collector.profiles import WorkloadProfile
from collector.provider import Feed, RecordedAs, Scope, Source
from collector.providers.gcp.client import ZONES_PERMISSION, connection_of, region_name
from collector.providers.gcp.names import PROVIDER_NAME, last_part
from warehouse.records import REGIONAL, Pool, Record, Semantics, Signal

NAME = "gcp.capacity_advice"
PERMISSION = "compute.advice.capacity"
OBTAINABILITY = "gcp.obtainability"
UPTIME = "gcp.estimated_uptime_seconds"

DURATION = re.compile(r"(?P<seconds>\d+(?:\.\d+)?)s")
SPOT = "SPOT"


def collect(source: Source) -> Iterator[Record]:
    """Yield both scores of each recommended shard, for each profile of the region.

    Raises:
        NotOfferedError: no profile is for Google Cloud and this region, or none is met at all.
    """
    profiles = [one for one in source.profiles if _is_for(one, region_name(source, NAME))]
    if not profiles:
        raise NotOfferedError(NAME, f"no profile of the watchlist is for gcp in {source.region}")
    has_zonal = any(one.is_zonal for one in profiles)
    zones = connection_of(source, NAME).zones(source, feed=NAME) if has_zonal else ()
    has_any = False
    for profile in profiles:
        for zone in zones if profile.is_zonal else (REGIONAL,):
            for signal in _asked(source, profile, zone):
                has_any = True
                yield signal
    if not has_any:
        raise NotOfferedError(NAME, f"{source.region}: nothing is recommended for any profile")


def _is_for(profile: WorkloadProfile, region: str) -> bool:
    """A profile without regions is asked for wherever the feed is."""
    return profile.provider == PROVIDER_NAME and (not profile.regions or region in profile.regions)


def _asked(source: Source, profile: WorkloadProfile, zone: str) -> Iterator[Signal]:
    asked = question(profile, zone)
    reply = connection_of(source, NAME).advice(
        source, "capacity", asked, feed=NAME, permission=PERMISSION
    )
    return parse(
        reply,
        region=source.region,
        zone=zone,
        asked=asked,
        fingerprint=profile.fingerprint,
        observed_at=source.now,
    )


def question(profile: WorkloadProfile, zone: str) -> dict[str, Any]:
    """The request for a profile in one zone, or anywhere in the region. Always the same."""
    place = {} if zone == REGIONAL else {"zones": [{"zone": f"zones/{zone}"}]}
    return {
        "instanceProperties": {"scheduling": {"provisioningModel": SPOT}},
        "instanceFlexibilityPolicy": {
            "instanceSelections": {"any": {"machineTypes": [*profile.instance_types]}}
        },
        "distributionPolicy": {"targetShape": "ANY", **place},
        "size": profile.count,
    }


def parse(
    reply: Any,
    *,
    region: str,
    zone: str,
    asked: Mapping[str, Any],
    fingerprint: str,
    observed_at: datetime,
) -> Iterator[Signal]:
    """Read an answer: the scores of each recommendation, for each type that it recommends.

    ``zone`` is where was asked; `REGIONAL` gives regional signals, for then the score is of the
    region's zones together.
    """
    place = f"{region if zone == REGIONAL else zone} request {fingerprint}"
    with reading(NAME, place):
        recommendations = members(mapping({"reply": reply}, "reply"), "recommendations")
        for recommended in recommendations:
            scores = list(_scores(mapping(recommended, "scores")))
            shards = [_shard(one, zone) for one in members(recommended, "shards")]
            told = {"fingerprint": fingerprint, "request": asked, "shards": shards}
            detail = json.dumps(told, sort_keys=True)
            for instance_type in dict.fromkeys(str(one["machineType"]) for one in shards):
                pool = Pool(PROVIDER_NAME, region, zone, instance_type)
                for definition, value in scores:
                    yield Signal(
                        pool,
                        observed_at,
                        definition,
                        value_low=value,
                        value_high=value,
                        source=NAME,
                        detail=detail,
                        subject=fingerprint,
                    )


def _scores(scores: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Obtainability, and the uptime if there is an estimate."""
    obtainability = number(scores, "obtainability")
    if not 0 <= obtainability <= 1:
        raise ValueError(f"obtainability is {obtainability}, not from 0 to 1")
    yield OBTAINABILITY, obtainability
    if "estimatedUptime" in scores:
        said = text(scores, "estimatedUptime")
        found = DURATION.fullmatch(said)
        if not found:
            raise ValueError(f"estimatedUptime is {said!r:.40}, not seconds")
        yield UPTIME, float(found["seconds"])


def _shard(shard: Mapping[str, Any], zone: str) -> dict[str, str | int]:
    """What is recommended; the zone must be the one asked for, if one was."""
    found = last_part(text(shard, "zone"))
    if zone not in {REGIONAL, found}:
        raise ValueError(f"a shard is in {found}, which was not asked for")
    return {
        "zone": found,
        "machineType": last_part(text(shard, "machineType")),
        "instanceCount": whole_number(shard, "instanceCount"),
    }


FEED = Feed(
    name=NAME,
    title="Google Cloud capacity advice",
    meaning=(
        "For each workload profile and zone (or region): how likely Google thinks it is that all "
        "the machines asked for as Spot VMs are given now, from 0 to 1 (from 0.7 high, from 0.4 "
        "medium), and how many seconds most of them would run before they are preempted. The "
        "scores are of the whole request: another count or other types have other scores. They "
        "are no promise, and no share of anything."
    ),
    semantics=Semantics.REQUEST_SCORE,
    cadence=timedelta(hours=1),
    scope=Scope.REGION,
    collect=collect,
    needs_account=True,
    permissions=(PERMISSION, ZONES_PERMISSION),
    recorded_as=(
        RecordedAs("/advice/capacity", "advice.capacity.response"),
        RecordedAs("/zones", "compute.zones.list"),
    ),
)
