"""Google Cloud's capacity advice: the score of one request, with the request beside it."""

import json
from typing import Any

import pytest

from collector.errors import NotOfferedError
from collector.profiles import WorkloadProfile
from collector.providers.gcp.capacity_advice import FEED, NAME, OBTAINABILITY, UPTIME
from tests.support.gcp import PROJECT, REGION, ZONE, Asked, answered, recorded, replayed, zones
from tests.support.loopback import NOW, Answer, run
from warehouse.records import Pool, RunOutcome, Signal
from warehouse.store import Warehouse

BATCH = WorkloadProfile("batch", "gcp", ("n2-standard-4", "n2d-standard-4"), 50)
SPREAD = WorkloadProfile("spread", "gcp", ("n2-standard-4",), 8, is_zonal=False)
URL = f"compute.googleapis.com/compute/v1/projects/{PROJECT}/regions/{REGION}/advice/capacity"


def request(zone: str | None = ZONE) -> dict[str, Any]:
    """What is asked for `BATCH` in a zone."""
    place = {"zones": [{"zone": f"zones/{zone}"}]} if zone else {}
    return {
        "instanceProperties": {"scheduling": {"provisioningModel": "SPOT"}},
        "instanceFlexibilityPolicy": {
            "instanceSelections": {"any": {"machineTypes": list(BATCH.instance_types)}}
        },
        "distributionPolicy": {"targetShape": "ANY", **place},
        "size": 50,
    }


def advice(*shards: tuple[str, str, int], **scores: Any) -> dict[str, Any]:
    told = [
        {"zone": f"https://x/zones/{zone}", "machineType": name, "instanceCount": count}
        for zone, name, count in shards
    ]
    given = {"obtainability": 0.5, "estimatedUptime": "60.5s", **scores}
    kept = {name: value for name, value in given.items() if value is not None}
    return {"recommendations": [{"scores": kept, "shards": told}]}


def collected(reply: Any, *names: str, **given: Any) -> tuple[list[Signal], list[Asked]]:
    """What the feed yields, and the questions about capacity that it asked."""

    def answer(asked: Asked) -> Any:
        if asked.url.endswith("/zones"):
            return zones(*names or (ZONE,))
        return reply(asked) if callable(reply) else reply

    with answered(answer, **{"profiles": (BATCH,), **given}) as (source, server):
        records = [one for one in FEED.collect(source) if isinstance(one, Signal)]
    return records, [one for one in server.asked if one.method == "POST"]


def test_the_recorded_answer_becomes_two_scores_of_the_whole_request() -> None:
    with replayed(profiles=(BATCH,)) as source:
        records = list(FEED.collect(source))

    shard = {"zone": ZONE, "machineType": "n2-standard-4", "instanceCount": 50}
    told = {"fingerprint": BATCH.fingerprint, "request": request(), "shards": [shard]}
    detail = json.dumps(told, sort_keys=True)
    pool = Pool("gcp", REGION, ZONE, "n2-standard-4")
    assert records == [
        Signal(pool, NOW, OBTAINABILITY, 0.8, 0.8, NAME, detail, BATCH.fingerprint),
        Signal(pool, NOW, UPTIME, 3600.0, 3600.0, NAME, detail, BATCH.fingerprint),
    ]


def test_a_second_run_stores_nothing_new() -> None:
    with Warehouse.in_memory() as warehouse, replayed(profiles=(BATCH,)) as source:
        results = [run(warehouse, FEED, source).result for _ in range(2)]

    assert [(one.outcome, one.rows_read, one.rows_new) for one in results] == [
        (RunOutcome.OK, 2, 2),
        (RunOutcome.OK, 2, 0),
    ]


def test_a_zonal_profile_is_asked_for_once_per_zone() -> None:
    def reply(asked: Asked) -> Any:
        zone = asked.body["distributionPolicy"]["zones"][0]["zone"].removeprefix("zones/")
        return advice((zone, "n2-standard-4", 50))

    names = ("us-central1-b", ZONE, "europe-west4-a")
    records, asked = collected(reply, *names)

    assert [one.url for one in asked] == [URL, URL]
    assert [one.body for one in asked] == [request(ZONE), request("us-central1-b")]
    assert {one.pool.zone for one in records} == {ZONE, "us-central1-b"}


def test_the_request_has_the_fields_of_the_documented_one() -> None:
    _, (asked,) = collected(advice((ZONE, "n2-standard-4", 50)))

    documented = recorded("advice.capacity.request.json")
    assert set(asked.body) == set(documented)
    assert asked.body["size"] == documented["size"]
    assert asked.body["instanceProperties"] == documented["instanceProperties"]


def test_a_regional_profile_has_one_score_for_the_region() -> None:
    reply = advice((ZONE, "n2-standard-4", 5), ("us-central1-b", "n2-standard-4", 3))

    records, (asked,) = collected(reply, profiles=(SPREAD,))

    assert asked.body["distributionPolicy"] == {"targetShape": "ANY"}
    assert [(one.pool.zone, one.definition, one.value_low) for one in records] == [
        ("*", OBTAINABILITY, 0.5),
        ("*", UPTIME, 60.5),
    ]
    assert [one["zone"] for one in json.loads(records[0].detail or "")["shards"]] == [
        ZONE,
        "us-central1-b",
    ]


def test_each_type_that_is_recommended_has_the_score() -> None:
    records, _ = collected(advice((ZONE, "n2-standard-4", 30), (ZONE, "n2d-standard-4", 20)))

    assert [one.pool.instance_type for one in records if one.definition == OBTAINABILITY] == [
        "n2-standard-4",
        "n2d-standard-4",
    ]


def test_without_an_estimate_of_the_uptime_there_is_none() -> None:
    records, _ = collected(advice((ZONE, "n2-standard-4", 50), estimatedUptime=None))

    assert [one.definition for one in records] == [OBTAINABILITY]


@pytest.mark.parametrize(
    "profile",
    [
        WorkloadProfile("other cloud", "aws", ("g6.xlarge",), 1),
        WorkloadProfile("other region", "gcp", ("n2-standard-4",), 1, regions=("europe-west4",)),
    ],
)
def test_without_a_profile_for_the_region_nothing_is_asked(profile: WorkloadProfile) -> None:
    with (
        answered(lambda _: Answer(b"", 500), profiles=(profile,)) as (source, server),
        pytest.raises(NotOfferedError, match="no profile of the watchlist is for gcp"),
    ):
        list(FEED.collect(source))

    assert server.asked == []


def test_a_region_that_is_not_there_is_skipped() -> None:
    with pytest.raises(NotOfferedError, match="there is no region mars-north1"):
        collected(advice(), region="mars-north1")


def test_an_answer_without_a_recommendation_is_no_fault() -> None:
    with pytest.raises(NotOfferedError, match="nothing is recommended"):
        collected({"recommendations": []})


def test_the_beta_is_asked_where_v1_has_no_such_method() -> None:
    def reply(asked: Asked) -> Any:
        if "/v1/" in asked.url:
            return Answer(b"not here", 404)
        return advice((ZONE, "n2-standard-4", 50))

    _, asked = collected(reply)

    assert [one.url for one in asked] == [URL, URL.replace("/v1/", "/beta/")]


def test_two_profiles_of_one_pool_are_kept_apart() -> None:
    larger = WorkloadProfile("larger", "gcp", ("n2-standard-4",), 100)
    small = WorkloadProfile("small", "gcp", ("n2-standard-4",), 5)

    def reply(asked: Asked) -> Any:
        return advice((ZONE, "n2-standard-4", asked.body["size"]))

    records, _ = collected(reply, profiles=(larger, small))

    found = [one.subject for one in records if one.definition == OBTAINABILITY]
    assert found == [larger.fingerprint, small.fingerprint]
