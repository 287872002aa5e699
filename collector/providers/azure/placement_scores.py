"""Azure's spot placement scores: how likely one request would be met now, in three words.

A score answers one request of a `WorkloadProfile` (sizes, count, region, with zones or without)
and is not comparable with that of another. The request and its fingerprint are kept with it.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from collector.errors import NotOfferedError, SourceDeniedError
from collector.payload import members, reading, text
from collector.profiles import WorkloadProfile
from collector.provider import Feed, RecordedAs, Scope, Source
from collector.providers.azure.client import PROVIDER_NAME, checked_region, connection_of
from collector.providers.azure.skus import zone_name
from warehouse.records import REGIONAL, Pool, Record, Semantics, Signal

NAME = "azure.placement_scores"
SCORE = "azure.spot_placement_score"
API_VERSION = "2025-06-05"
PERMISSION = "Microsoft.Compute/locations/placementScores/generate/action"

SCORES = {"Low": 0.0, "Medium": 0.5, "High": 1.0}
NO_SCORES = {"RestrictedSkuNotAvailable", "DataNotFoundOrStale"}
"""The subscription may not have the size here, or Azure does not know: no score, not a low one."""

SIZES_PER_CALL = 5
"""The API's limit on ``desiredSizes``."""


def collect(source: Source) -> Iterator[Record]:
    """Yield one `Signal` per size and place of each profile that names the region.

    Raises:
        NotOfferedError: no profile is for this region, or Azure knows no score of any.
        SourceDeniedError: a profile has more sizes than the API takes.
    """
    profiles = [one for one in source.profiles if _is_for(one, source.region)]
    if not profiles:
        raise NotOfferedError(NAME, f"no profile of provider azure asks for {source.region}")
    signals = [one for profile in profiles for one in _scores(source, profile)]
    if not signals:
        raise NotOfferedError(NAME, f"Azure knows no score in {source.region} for any profile")
    yield from signals


def _is_for(profile: WorkloadProfile, region: str) -> bool:
    return profile.provider == PROVIDER_NAME and (not profile.regions or region in profile.regions)


def _scores(source: Source, profile: WorkloadProfile) -> Iterator[Signal]:
    connection = connection_of(source, NAME)
    asked = request(profile, checked_region(source.region, NAME))
    path = (
        f"/subscriptions/{connection.subscription}/providers/Microsoft.Compute"
        f"/locations/{source.region}/placementScores/spot/generate"
    )
    reply = connection.call(
        source.http,
        "POST",
        path,
        source=NAME,
        permission=PERMISSION,
        params={"api-version": API_VERSION},
        body=asked,
    )
    about = {"request": asked, "fingerprint": profile.fingerprint}
    yield from parse(reply, region=source.region, about=about, observed_at=source.now)


def request(profile: WorkloadProfile, region: str) -> dict[str, Any]:
    """The body that asks for the profile's scores in ``region``.

    Raises:
        SourceDeniedError: it has more sizes than the API takes.
    """
    if len(profile.instance_types) > SIZES_PER_CALL:
        what = f"profile {profile.name!r} has more than the {SIZES_PER_CALL} sizes that Azure takes"
        raise SourceDeniedError(NAME, what)
    return {
        "desiredLocations": [region],
        "desiredSizes": [{"sku": one} for one in profile.instance_types],
        "desiredCount": profile.count,
        "availabilityZones": profile.is_zonal,
    }


def parse(
    reply: Any, *, region: str, about: Mapping[str, Any], observed_at: datetime
) -> Iterator[Signal]:
    """Read one answer: High is 1, Medium .5, Low 0, in Azure's own order.

    ``about`` goes into each signal's detail, beside what the row says.
    """
    with reading(NAME, region):
        rows = members(reply, "placementScores")
    for row in rows:
        with reading(NAME, f"{region} {row.get('sku', 'a row without sku')}"):
            score = text(row, "score")
            if score not in SCORES and score not in NO_SCORES:
                raise ValueError(f"score is {score!r}, not one of {', '.join(SCORES)}")
            if text(row, "region").lower() != region or score in NO_SCORES:
                continue
            zone = text({"zone": row.get("availabilityZone") or ""}, "zone")
            place = zone_name(region, zone) if zone else REGIONAL
            pool = Pool(PROVIDER_NAME, region, place, text(row, "sku"))
            said = {"score": score, "isQuotaAvailable": row["isQuotaAvailable"]}
        detail = json.dumps({**about, **said}, sort_keys=True)
        yield Signal(
            pool,
            observed_at,
            SCORE,
            SCORES[score],
            SCORES[score],
            NAME,
            detail,
            about["fingerprint"],
        )


FEED = Feed(
    name=NAME,
    title="Azure spot placement scores",
    meaning=(
        "Per profile, size and zone (the subscription's own numbers) or region: how likely the "
        "profile's request would be met now; High is 1, Medium .5, Low 0. An answer to that "
        "request only, and no promise. It does not say how long the machines would stay."
    ),
    semantics=Semantics.REQUEST_SCORE,
    cadence=timedelta(hours=1),
    scope=Scope.REGION,
    collect=collect,
    needs_account=True,
    permissions=(PERMISSION,),
    recorded_as=(RecordedAs("/placementScores/spot/generate", "spot_placement_scores.response"),),
)
