"""AWS Spot Instance Advisor: how often each instance type was interrupted in the last month.

The feed gives a band per region, not per zone, and is republished at no fixed times: sometimes
months apart. Its own date is the ``Last-Modified`` header. It is the only published word on AWS
interruptions that needs no account.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from collector.http import parse_json
from collector.payload import mapping, members, number, reading, text, whole_number
from collector.provider import Feed, RecordedAs, Scope, Source
from warehouse.records import REGIONAL, Pool, Record, Semantics, Signal

NAME = "aws.spot_advisor"
URL = "https://spot-bid-advisor.s3.amazonaws.com/spot-advisor-data.json"

BAND = "aws.advisor_band_trailing_month"
SAVING = "aws.advisor_saving_trailing_month"

LABEL = re.compile(r"(?:<|(?P<low>\d+)-)(?P<high>\d+)%|>(?P<above>\d+)%")

Band = tuple[str, float, float | None]
"""A band's label and its ends as shares; None for the open end."""


def collect(source: Source) -> Iterator[Record]:
    """Yield two `Signal` per region and Linux type: the interruption band and the saving."""
    page = source.http.page(URL, source=NAME, now=source.now)
    yield from parse(parse_json(page.content, source=NAME), observed_at=page.published_at)


def parse(payload: Any, *, observed_at: datetime) -> Iterator[Signal]:
    """Read the feed's JSON. The saving is a share of the on-demand price and may be below 0."""
    with reading(NAME, "the page"):
        bands = dict(_band(entry) for entry in members(payload, "ranges"))
        regions = mapping(payload, "spot_advisor")
    for region in regions:
        with reading(NAME, region):
            systems = mapping(regions, region)
            advice = mapping(systems, "Linux") if "Linux" in systems else {}
        for instance_type in advice:
            with reading(NAME, f"{region} {instance_type}"):
                pool = Pool("aws", region, REGIONAL, instance_type)
                signals = _signals(pool, mapping(advice, instance_type), bands, observed_at)
            yield from signals


def _band(entry: Mapping[str, Any]) -> tuple[int, Band]:
    """A band's index and its ends, from the label.

    The entry's ``max`` (5, 11, 16, 22, 100) is a bound for sorting the page's table, not the
    band's end.

    Raises:
        ValueError: a label in another form.
    """
    label = text(entry, "label")
    match = LABEL.fullmatch(label)
    if not match:
        raise ValueError(f"label {label!r} is no band")
    index = whole_number(entry, "index")
    if match["above"]:
        return index, (label, int(match["above"]) / 100, None)
    return index, (label, int(match["low"] or 0) / 100, int(match["high"]) / 100)


def _signals(
    pool: Pool, cell: Mapping[str, Any], bands: Mapping[int, Band], observed_at: datetime
) -> tuple[Signal, Signal]:
    index = whole_number(cell, "r")
    if index not in bands:
        raise ValueError(f"r is {index}, which the page's ranges do not explain")
    label, low, high = bands[index]
    saving = number(cell, "s") / 100
    detail = json.dumps({"label": label})
    return (
        Signal(pool, observed_at, BAND, low, high, NAME, detail),
        Signal(pool, observed_at, SAVING, saving, saving, NAME),
    )


FEED = Feed(
    name=NAME,
    title="AWS Spot Instance Advisor",
    meaning=(
        "Per region and Linux type over the trailing month: the band of the share of machines that "
        "was interrupted, and the saving against on-demand, which can be negative. No zones, no "
        "China regions. Dated by the page, which may be months old."
    ),
    semantics=Semantics.TRAILING_WINDOW,
    cadence=timedelta(hours=6),
    is_snapshot=True,
    scope=Scope.GLOBAL,
    collect=collect,
    needs_account=False,
    recorded_as=(RecordedAs("spot-advisor-data.json", "spot_advisor"),),
)
