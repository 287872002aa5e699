"""EC2's Spot placement scores: how likely one request for Spot machines is to succeed now.

A score answers the request asked and no other: its types as a set, its count, its places. AWS
counts how many different requests an account makes in a day, about 50, and repeats are free; so
each workload profile of the user is asked unchanged, and the market is never scanned.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from collector.errors import NotOfferedError, SourceUnavailableError
from collector.payload import members, reading, text
from collector.profiles import WorkloadProfile
from collector.provider import Feed, Scope, Source
from collector.providers.aws.batches import batches
from collector.providers.aws.client import HOME_REGION, PROVIDER_NAME, connection_of
from warehouse.records import REGIONAL, Pool, Record, Semantics, Signal

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client

NAME = "aws.placement_scores"
PERMISSION = "ec2:GetSpotPlacementScores"

SCORE = "aws.spot_placement_score"
"""1 (unlikely) to 10 (likely), as AWS gives it; not a share."""
LOWEST, HIGHEST = 1, 10

MOST_REGIONS = 10
"""As many as AWS takes in one request, and scores in one answer."""
PAGE_SIZE = 1000

ANY_TYPE = "*"
"""The instance type of a score for a set of them."""

NO_PROFILE = (
    "no profile of provider aws is declared; a score answers one request, so say which one in the "
    "watchlist: profiles: [{name: ..., provider: aws, instance_types: [...], count: ...}]"
)

LOG = logging.getLogger(__name__)


def collect(source: Source) -> Iterator[Record]:
    """Yield one `Signal` per profile and scored region or zone.

    Raises:
        NotOfferedError: the user has declared no request.
        SourceUnavailableError: AWS takes no new request today, and no old one was declared.
    """
    ours = [one for one in source.profiles if one.provider == PROVIDER_NAME]
    if not ours:
        raise NotOfferedError(NAME, NO_PROFILE)
    refused: list[SourceUnavailableError] = []
    is_scored = False
    for profile in {one.fingerprint: one for one in ours}.values():
        try:
            signals = list(_scores(source, profile))
        except SourceUnavailableError as error:
            # A request of earlier today may still be asked when a new one is refused.
            LOG.warning("no_score profile=%s reason=%s", profile.name, error)
            refused.append(error)
            continue
        is_scored = True
        yield from signals
    if refused and not is_scored:
        raise refused[0]


def _scores(source: Source, profile: WorkloadProfile) -> Iterator[Signal]:
    account = connection_of(source, NAME)
    for regions in batches(profile.regions or (HOME_REGION,), MOST_REGIONS):
        asked = _request(profile, regions)

        def ask(ec2: "EC2Client", asked: Mapping[str, Any] = asked) -> Any:
            paginator = ec2.get_paginator("get_spot_placement_scores")
            return paginator.paginate(**asked, PaginationConfig={"PageSize": PAGE_SIZE})

        for page in account.pages(NAME, regions[0], ask):
            yield from parse(page, profile=profile, asked=asked, observed_at=source.now)


def _request(profile: WorkloadProfile, regions: tuple[str, ...]) -> dict[str, Any]:
    """The request in AWS' own words, always the same for a profile."""
    return {
        "InstanceTypes": list(profile.instance_types),
        "TargetCapacity": profile.count,
        "TargetCapacityUnitType": "units",
        "SingleAvailabilityZone": profile.is_zonal,
        "RegionNames": list(regions),
    }


def parse(
    page: Mapping[str, Any],
    *,
    profile: WorkloadProfile,
    asked: Mapping[str, Any],
    observed_at: datetime,
) -> Iterator[Signal]:
    """Read one page, as boto3 gives it, of the answer to ``asked``.

    The score is a type's only if the profile has one type; else the type is `ANY_TYPE`.
    """
    with reading(NAME, profile.name):
        rows = members(page, "SpotPlacementScores")
    detail = json.dumps(
        {"profile": profile.name, "fingerprint": profile.fingerprint, "request": asked}
    )
    for row in rows:
        with reading(NAME, f"{profile.name} {row.get('Region', 'a row without Region')}"):
            score = _score(row)
            pool = Pool(
                provider=PROVIDER_NAME,
                region=text(row, "Region"),
                zone=text(row, "AvailabilityZoneId") if profile.is_zonal else REGIONAL,
                instance_type=_type_of(profile),
            )
        yield Signal(pool, observed_at, SCORE, score, score, NAME, detail, profile.fingerprint)


def _type_of(profile: WorkloadProfile) -> str:
    types = set(profile.instance_types)
    return types.pop() if len(types) == 1 else ANY_TYPE


def _score(row: Mapping[str, Any]) -> float:
    score = row["Score"]
    if not isinstance(score, int) or not LOWEST <= score <= HIGHEST:
        raise ValueError(f"Score is {score!r}, not {LOWEST} to {HIGHEST}")
    return float(score)


FEED = Feed(
    name=NAME,
    title="AWS Spot placement scores",
    meaning=(
        "How likely the request of each workload profile (its types as a set, its count) is to "
        "succeed now, 1 to 10, in the ten best zones or regions. Says nothing of interruptions; "
        "scores of different requests cannot be compared; with fewer than three types it is "
        "always low."
    ),
    semantics=Semantics.REQUEST_SCORE,
    cadence=timedelta(minutes=30),
    scope=Scope.GLOBAL,
    collect=collect,
    needs_account=True,
    permissions=(PERMISSION,),
)
