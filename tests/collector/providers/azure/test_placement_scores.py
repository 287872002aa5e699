"""Azure's placement scores: an answer to one profile's request, kept with it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from collector.errors import NotOfferedError, SourceChangedError, SourceDeniedError
from collector.profiles import WorkloadProfile
from collector.providers.azure import placement_scores
from collector.providers.azure.placement_scores import FEED, NAME, SCORE
from tests.support.azure import (
    A100,
    D4S,
    PROFILE,
    REGION,
    SUBSCRIPTION,
    collected,
    refused,
    replayed,
)
from tests.support.loopback import NOW, run
from warehouse.records import Pool, Signal
from warehouse.store import Warehouse

ASKED = {
    "desiredLocations": [REGION],
    "desiredSizes": [{"sku": D4S}, {"sku": A100}],
    "desiredCount": 10,
    "availabilityZones": True,
}


def row(score: object = "High", **changed: Any) -> dict[str, Any]:
    return {
        "sku": D4S,
        "region": REGION,
        "availabilityZone": "1",
        "score": score,
        "isQuotaAvailable": True,
        **changed,
    }


def scored(value: float, word: str, zone: str = "eastus-1") -> Signal:
    detail = {
        "request": ASKED,
        "fingerprint": PROFILE.fingerprint,
        "score": word,
        "isQuotaAvailable": True,
    }
    pool = Pool("azure", REGION, zone, D4S)
    return Signal(
        pool,
        NOW,
        SCORE,
        value,
        value,
        NAME,
        json.dumps(detail, sort_keys=True),
        PROFILE.fingerprint,
    )


def parsed(*rows: Mapping[str, Any]) -> list[Signal]:
    about = {"request": ASKED, "fingerprint": PROFILE.fingerprint}
    reply = {"placementScores": list(rows)}
    return list(placement_scores.parse(reply, region=REGION, about=about, observed_at=NOW))


def test_the_recorded_scores_of_the_region_are_read() -> None:
    with replayed() as source:
        assert list(FEED.collect(source)) == [scored(1.0, "High")]


def test_a_second_run_stores_nothing_new() -> None:
    with Warehouse.in_memory() as warehouse, replayed() as source:
        results = [run(warehouse, FEED, source).result for _ in range(2)]

    assert [one.rows_new for one in results] == [1, 0]


def test_the_profile_is_asked_for_as_it_is() -> None:
    _, sent = collected(FEED, {"placementScores": [row()]})

    assert (sent[0].method, sent[0].json) == ("POST", ASKED)
    assert sent[0].query == {"api-version": "2025-06-05"}
    assert sent[0].url == (
        f"management.azure.com/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute"
        "/locations/eastus/placementScores/spot/generate"
    )


def test_only_profiles_of_azure_and_of_the_region_are_asked_for() -> None:
    profiles = (
        WorkloadProfile("a", "aws", ("g6.xlarge",), 1),
        WorkloadProfile("b", "azure", (D4S,), 1, ("westus",)),
        WorkloadProfile("c", "azure", (D4S,), 1),
        WorkloadProfile("d", "azure", (D4S,), 2, ("westus", REGION), is_zonal=False),
    )
    answer = {"placementScores": [row()]}

    _, sent = collected(FEED, answer, answer, profiles=profiles)

    asked = [(one.json["desiredCount"], one.json["availabilityZones"]) for one in sent]
    assert asked == [(1, True), (2, False)]


def test_without_a_profile_for_the_region_nothing_is_asked() -> None:
    with pytest.raises(NotOfferedError, match="no profile of provider azure asks for eastus"):
        collected(FEED, profiles=())


def test_a_profile_with_too_many_sizes_is_told_before_asking() -> None:
    wide = replace(PROFILE, instance_types=tuple(f"Standard_D{n}s_v5" for n in range(6)))

    with pytest.raises(SourceDeniedError, match="profile 'inference' has more than the 5 sizes"):
        collected(FEED, profiles=(wide,))


@pytest.mark.parametrize(("word", "value"), [("Low", 0.0), ("Medium", 0.5), ("High", 1.0)])
def test_the_words_keep_their_order(word: str, value: float) -> None:
    assert parsed(row(word)) == [scored(value, word)]


@pytest.mark.parametrize("zone", [None, ""])
def test_a_score_without_zone_is_the_regions(zone: str | None) -> None:
    assert parsed(row(availabilityZone=zone)) == [scored(1.0, "High", "*")]


@pytest.mark.parametrize("word", ["RestrictedSkuNotAvailable", "DataNotFoundOrStale"])
def test_no_score_is_unknown_rather_than_low(word: str) -> None:
    assert parsed(row(word), row("Low")) == [scored(0.0, "Low")]
    with pytest.raises(NotOfferedError, match="knows no score in eastus"):
        collected(FEED, {"placementScores": [row(word)]})


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        (row("Superb"), "score is 'Superb', not one of Low, Medium, High"),
        (row(3), "score is 3, not a text"),
        (row(availabilityZone=1), "zone is 1, not a text"),
        (row(region=None), "region is None"),
        ({"sku": D4S, "region": REGION}, "missing 'score'"),
        ({"sku": D4S, "region": REGION, "score": "Low"}, "missing 'isQuotaAvailable'"),
    ],
)
def test_an_odd_score_is_reported_with_its_size(odd: Mapping[str, Any], words: str) -> None:
    with pytest.raises(SourceChangedError) as raised:
        parsed(odd)

    assert str(raised.value).startswith(f"{NAME}: eastus {D4S}: ")
    assert words in str(raised.value)


def test_a_refusal_names_the_permission() -> None:
    with pytest.raises(SourceDeniedError, match="placementScores/generate/action"):
        collected(FEED, refused(403, "AuthorizationFailed"))


def test_a_region_without_the_api_is_skipped() -> None:
    with pytest.raises(NotOfferedError, match="NoRegisteredProviderFound"):
        collected(FEED, refused(400, "NoRegisteredProviderFound"))
