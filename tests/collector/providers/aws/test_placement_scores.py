"""Placement scores: of one request of the user's, and of nothing else."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from advisor.risk.signal_conversions import DEFINITIONS
from collector.errors import (
    NotOfferedError,
    SourceChangedError,
    SourceDeniedError,
    SourceUnavailableError,
)
from collector.profiles import WorkloadProfile
from collector.providers.aws.placement_scores import FEED, NAME, SCORE
from tests.support.aws import PAYLOADS, Form, aws_at, ec2, item, refusal, replayed, reply, script
from tests.support.loopback import NOW, Answer, run
from warehouse.records import Pool, RunOutcome, Signal
from warehouse.store import Warehouse

PROFILE = WorkloadProfile(
    "inference", "aws", ("g6.xlarge", "g5.xlarge", "g6e.xlarge"), 8, ("us-east-1", "us-west-2")
)
NO_MORE = Answer((PAYLOADS / "aws" / "error.MaxConfigLimitExceeded.xml").read_bytes(), 400)


def scores(*rows: str, following: str = "") -> Answer:
    content = f"<spotPlacementScoreSet>{''.join(rows)}</spotPlacementScoreSet>"
    return reply("GetSpotPlacementScores", f"{content}<nextToken>{following}</nextToken>")


def row(**changed: str | None) -> str:
    fields = {"region": "us-east-1", "availabilityZoneId": "use1-az4", "score": "9"}
    return item(**{**fields, **changed})


def ask(answer: Answer, *profiles: WorkloadProfile) -> list[Signal]:
    given = profiles or (PROFILE,)
    with (
        ec2(script(GetSpotPlacementScores=answer)) as server,
        aws_at(server.url, "*", profiles=given) as source,
    ):
        return [one for one in FEED.collect(source) if isinstance(one, Signal)]


def asked_for(*profiles: WorkloadProfile) -> list[Form]:
    with (
        ec2(script(GetSpotPlacementScores=scores())) as server,
        aws_at(server.url, "*", profiles=profiles) as source,
    ):
        list(FEED.collect(source))
    return server.asked


def numbered(form: Mapping[str, str], field: str) -> list[str]:
    return [value for name, value in form.items() if name.startswith(f"{field}.")]


def test_the_recorded_scores_are_of_the_whole_request() -> None:
    with replayed(region="*", profiles=(PROFILE,)) as source:
        records = list(FEED.collect(source))

    signals = [one for one in records if isinstance(one, Signal)]
    assert [(one.pool, one.value_low, one.value_high) for one in signals] == [
        (Pool("aws", "us-east-1", "use1-az4", "*"), 9.0, 9.0),
        (Pool("aws", "us-east-1", "use1-az6", "*"), 3.0, 3.0),
        (Pool("aws", "us-west-2", "usw2-az1", "*"), 1.0, 1.0),
    ]
    assert {(one.definition, one.source, one.subject, one.observed_at) for one in signals} == {
        (SCORE, NAME, PROFILE.fingerprint, NOW)
    }
    assert json.loads(signals[0].detail or "") == {
        "profile": "inference",
        "fingerprint": PROFILE.fingerprint,
        "request": {
            "InstanceTypes": ["g6.xlarge", "g5.xlarge", "g6e.xlarge"],
            "TargetCapacity": 8,
            "TargetCapacityUnitType": "units",
            "SingleAvailabilityZone": True,
            "RegionNames": ["us-east-1", "us-west-2"],
        },
    }


def test_a_second_run_stores_nothing_new() -> None:
    with Warehouse.in_memory() as warehouse, replayed(region="*", profiles=(PROFILE,)) as source:
        results = [run(warehouse, FEED, source).result for _ in range(2)]

    assert [(one.outcome, one.rows_new) for one in results] == [
        (RunOutcome.OK, 3),
        (RunOutcome.OK, 0),
    ]


def test_the_score_of_one_type_is_that_types() -> None:
    (signal,) = ask(scores(row()), replace(PROFILE, instance_types=("g5.xlarge",)))

    assert signal.pool == Pool("aws", "us-east-1", "use1-az4", "g5.xlarge")


def test_a_score_of_a_region_has_no_zone() -> None:
    (signal,) = ask(
        scores(row(availabilityZoneId=None, score="7")), replace(PROFILE, is_zonal=False)
    )

    assert (signal.pool.zone, signal.value_low) == ("*", 7.0)


def test_the_request_is_the_same_every_time() -> None:
    first, second = asked_for(PROFILE), asked_for(PROFILE)

    assert len(first) == 1
    assert first[0] == second[0]
    assert numbered(first[0], "InstanceType") == list(PROFILE.instance_types)
    assert numbered(first[0], "RegionName") == ["us-east-1", "us-west-2"]
    assert first[0]["TargetCapacity"] == "8"
    assert first[0]["TargetCapacityUnitType"] == "units"
    assert first[0]["SingleAvailabilityZone"] == "true"


def test_no_request_names_more_than_ten_regions() -> None:
    regions = tuple(f"us-east-{number}" for number in range(1, 13))

    asked = asked_for(replace(PROFILE, regions=regions))

    assert [len(numbered(one, "RegionName")) for one in asked] == [10, 2]


def test_a_profile_without_regions_is_asked_for_in_the_default_region() -> None:
    (asked,) = asked_for(replace(PROFILE, regions=()))

    assert numbered(asked, "RegionName") == ["us-east-1"]


def test_a_profile_of_china_is_asked_there() -> None:
    (asked,) = asked_for(replace(PROFILE, regions=("cn-north-1",)))

    assert asked["path"].startswith("/ec2.cn-north-1.amazonaws.com.cn")


def test_a_request_under_two_names_is_asked_once() -> None:
    assert len(asked_for(PROFILE, replace(PROFILE, name="again"))) == 1


def test_two_profiles_of_one_place_are_two_facts(warehouse: Warehouse) -> None:
    other = replace(PROFILE, count=80)
    with (
        ec2(script(GetSpotPlacementScores=scores(row()))) as server,
        aws_at(server.url, "*", profiles=(PROFILE, other)) as source,
    ):
        result = run(warehouse, FEED, source).result

    assert (result.outcome, result.rows_new) == (RunOutcome.OK, 2)
    assert warehouse.rows("select subject from signal order by subject") == sorted(
        [(PROFILE.fingerprint,), (other.fingerprint,)]
    )


def test_the_score_goes_by_the_name_that_the_forecast_reads() -> None:
    assert SCORE in DEFINITIONS


@pytest.mark.parametrize(
    "profiles", [(), (replace(PROFILE, provider="gcp"),)], ids=["none", "another cloud's"]
)
def test_without_a_profile_it_is_said_how_to_declare_one(
    profiles: tuple[WorkloadProfile, ...],
) -> None:
    with (
        aws_at("http://127.0.0.1:9", "*", profiles=profiles) as source,
        pytest.raises(NotOfferedError, match=r"declared.*watchlist: profiles:"),
    ):
        list(FEED.collect(source))


def test_when_aws_takes_no_new_request_it_is_asked_again_in_a_day() -> None:
    with pytest.raises(SourceUnavailableError, match="declare fewer profiles") as raised:
        ask(NO_MORE)

    assert raised.value.retry_after_seconds == 86_400


def test_a_new_request_that_is_refused_does_not_keep_back_an_old_one() -> None:
    def answer(form: Form) -> Answer:
        return scores(row()) if form["TargetCapacity"] == "8" else NO_MORE

    with (
        ec2(answer) as server,
        aws_at(server.url, "*", profiles=(replace(PROFILE, count=9), PROFILE)) as source,
    ):
        assert len(list(FEED.collect(source))) == 1


def test_pages_are_followed_and_a_repeated_token_is_reported() -> None:
    def pages(form: Form) -> Answer:
        if "NextToken" in form:
            return scores(row(availabilityZoneId="use1-az6"))
        return scores(row(), following="two")

    with ec2(pages) as server, aws_at(server.url, "*", profiles=(PROFILE,)) as source:
        assert len(list(FEED.collect(source))) == 2
    with pytest.raises(SourceChangedError, match="token"):
        ask(scores(row(), following="same"))


def test_a_missing_permission_is_named() -> None:
    with pytest.raises(SourceDeniedError, match="needs ec2:GetSpotPlacementScores"):
        ask(refusal("UnauthorizedOperation", 403))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"region": None}, "missing 'Region'"),
        ({"availabilityZoneId": None}, "missing 'AvailabilityZoneId'"),
        ({"score": None}, "missing 'Score'"),
        ({"score": "0"}, "Score is 0, not 1 to 10"),
        ({"score": "11"}, "Score is 11, not 1 to 10"),
        ({"score": "-1"}, "Score is -1, not 1 to 10"),
        ({"score": "high"}, "a value cannot be read"),
    ],
)
def test_a_row_of_an_unknown_form_is_reported(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(SourceChangedError, match=why):
        ask(scores(row(**changed)))


@pytest.mark.parametrize("body", [b"", b"<html>sign in</html>", b"<x/>", b"{}"])
def test_another_answer_is_reported(body: bytes) -> None:
    with pytest.raises(SourceChangedError):
        ask(Answer(body))
