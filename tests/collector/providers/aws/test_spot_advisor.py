"""AWS Spot Instance Advisor: bands and savings per region and type."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from collector.errors import SourceChangedError, SourceError
from collector.providers.aws import spot_advisor
from collector.providers.aws.spot_advisor import BAND, FEED, NAME, SAVING
from tests.support.loopback import (
    BAD_ANSWERS,
    NOW,
    Answer,
    always,
    loopback,
    run,
    source_at,
    stored,
)
from tests.support.public_feeds import PAYLOADS, replayed_page
from warehouse.records import Pool, Record, RunOutcome, Signal
from warehouse.store import Warehouse

PAGE = (PAYLOADS / "aws" / "spot_advisor.json").read_text(encoding="utf-8")


def band(region: str, instance_type: str, label: str, low: float, high: float | None) -> Signal:
    pool = Pool("aws", region, "*", instance_type)
    return Signal(pool, NOW, BAND, low, high, NAME, json.dumps({"label": label}))


def saving(region: str, instance_type: str, share: float) -> Signal:
    return Signal(Pool("aws", region, "*", instance_type), NOW, SAVING, share, share, NAME)


def parsed(**changed: Any) -> list[Signal]:
    """Read a page of one type, with parts of it changed."""
    page = {
        "ranges": [{"index": 0, "label": "<5%", "max": 5}],
        "spot_advisor": {"us-east-1": {"Linux": {"g5.xlarge": {"s": 50, "r": 0}}}},
    }
    return list(spot_advisor.parse({**page, **changed}, observed_at=NOW))


def collected(answer: Answer) -> list[Record]:
    with loopback(always(answer)) as server, source_at(server.url) as source:
        return list(FEED.collect(source))


def test_each_region_and_linux_type_becomes_a_band_and_a_saving() -> None:
    with replayed_page(FEED) as source:
        signals = list(FEED.collect(source))

    assert signals == [
        band("us-east-1", "g5.xlarge", ">20%", 0.2, None),
        saving("us-east-1", "g5.xlarge", 0.57),
        band("us-east-1", "m5.large", "<5%", 0.0, 0.05),
        saving("us-east-1", "m5.large", 0.61),
        band("us-east-1", "p4d.24xlarge", "10-15%", 0.1, 0.15),
        saving("us-east-1", "p4d.24xlarge", 0.64),
        band("eu-west-1", "g5.xlarge", "15-20%", 0.15, 0.2),
        saving("eu-west-1", "g5.xlarge", 0.0),
        band("eu-west-1", "p5.48xlarge", "5-10%", 0.05, 0.1),
        saving("eu-west-1", "p5.48xlarge", -0.55),
    ]


def test_a_second_run_on_the_same_page_stores_nothing_new() -> None:
    with Warehouse.in_memory() as warehouse, replayed_page(FEED) as source:
        results = [run(warehouse, FEED, source).result for _ in range(2)]

    assert [(one.outcome, one.rows_read, one.rows_new) for one in results] == [
        (RunOutcome.OK, 10, 10),
        (RunOutcome.UNCHANGED, None, 0),
    ]


@pytest.mark.parametrize(
    ("header", "observed_at"),
    [
        ("Tue, 01 Sep 2026 06:00:00 GMT", datetime(2026, 9, 1, 6, tzinfo=UTC)),
        ("Tue, 01 Sep 2026 06:00:00 +0200", datetime(2026, 9, 1, 4, tzinfo=UTC)),
        ("Tue, 01 Dec 2026 06:00:00 GMT", NOW),
        ("Tue, 01 Sep 2026 06:00:00 -0000", NOW),
        ("last Tuesday", NOW),
        ("", NOW),
    ],
)
def test_the_page_is_as_old_as_it_says_unless_that_cannot_be(
    header: str, observed_at: datetime
) -> None:
    signals = collected(Answer(PAGE.encode(), headers={"last-modified": header}))

    assert {one.observed_at for one in signals if isinstance(one, Signal)} == {observed_at}


def test_the_bounds_for_sorting_are_not_read() -> None:
    ranges = [{"index": 0, "label": "5-10%", "max": 11}]

    assert parsed(ranges=ranges)[0] == band("us-east-1", "g5.xlarge", "5-10%", 0.05, 0.1)


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ({"s": 50, "r": 9}, "r is 9, which the page's ranges do not explain"),
        ({"s": 50}, "missing 'r'"),
        ({"r": 0}, "missing 's'"),
        ({"s": "50", "r": 0}, "s is '50', not a number"),
        ({"s": 50, "r": True}, "r is True, not a number"),
        ({"s": 50, "r": None}, "r is None, not a number"),
        ([50, 0], "not an object"),
    ],
)
def test_an_odd_cell_is_reported_with_its_region_and_type(cell: Any, words: str) -> None:
    with pytest.raises(SourceChangedError) as raised:
        parsed(spot_advisor={"us-east-1": {"Linux": {"g5.xlarge": cell}}})

    assert str(raised.value).startswith("aws.spot_advisor: us-east-1 g5.xlarge: ")
    assert words in str(raised.value)


@pytest.mark.parametrize("label", ["rare", "5%", "<five%", "5-10", ""])
def test_a_label_that_is_no_band_is_reported(label: str) -> None:
    with pytest.raises(SourceChangedError, match=f"label '{label}' is no band"):
        parsed(ranges=[{"index": 0, "label": label}])


@pytest.mark.parametrize("kind", BAD_ANSWERS)
def test_a_bad_answer_fails_the_run_by_the_right_error(kind: str) -> None:
    answer, expected = BAD_ANSWERS[kind]

    with (
        loopback(always(answer)) as server,
        source_at(server.url) as source,
        Warehouse.in_memory() as warehouse,
    ):
        result = run(warehouse, FEED, source).result
        left = stored(warehouse)

    assert (result.outcome, left) == (RunOutcome.FAILED, {})
    assert (result.error or "").startswith("aws.spot_advisor: ")
    with pytest.raises(SourceError) as raised:
        collected(answer)
    assert isinstance(raised.value, expected)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"s": 57', '"s": NaN', "value_low NaN is not a finite number"),
        ('">20%"', '">200%"', "signal aws/us-east-1/*/g5.xlarge"),
        ('"Linux"', '"linux"', "gave no rows at all"),
        ('"spot_advisor"', '"advice"', "the page: missing 'spot_advisor'"),
    ],
)
def test_nothing_of_a_page_that_cannot_be_true_is_stored(old: str, new: str, words: str) -> None:
    answer = Answer(PAGE.replace(old, new).encode())

    with (
        loopback(always(answer)) as server,
        source_at(server.url) as source,
        Warehouse.in_memory() as warehouse,
    ):
        result = run(warehouse, FEED, source).result
        left = stored(warehouse)

    assert (result.outcome, left) == (RunOutcome.FAILED, {})
    assert words in (result.error or "")
