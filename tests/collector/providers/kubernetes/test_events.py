"""Events: interruptions, recommendations and refusals, each told once."""

import json
from datetime import timedelta
from typing import Any

import pytest

from collector.errors import SourceChangedError
from collector.providers.kubernetes import events
from collector.providers.kubernetes.events import FEED, NAME
from collector.providers.kubernetes.machines import Machine
from collector.providers.kubernetes.refused_launches import is_only_a_limit, pools_in
from collector.providers.kubernetes.told import REBALANCE, REFUSED_LAUNCH
from tests.support.kubernetes import (
    EVENTS,
    NODECLAIMS,
    NODES,
    Clock,
    FakeCluster,
    a_node,
    api_server,
    replayed,
    run_at,
    stamp,
)
from tests.support.loopback import NOW
from warehouse.records import Interruption, InterruptionKind, Pool, Signal
from warehouse.store import Warehouse

MACHINE = Machine("aws", "us-east-1", "use1-az4", "m7g.xlarge", "i-1", is_spot=True)
NO_SPOT = "InsufficientInstanceCapacity: There is no Spot capacity available that matches"

NO_G5 = (
    "InsufficientInstanceCapacity: We currently do not have sufficient g5.xlarge capacity in the "
    "Availability Zone you requested (us-east-1b). You can currently get g5.xlarge capacity by "
    "choosing us-east-1a, us-east-1c."
)


def an_event(
    reason: str = "SpotInterrupted",
    *,
    kind: str = "NodeClaim",
    name: str = "default-1",
    **more: Any,
) -> dict[str, Any]:
    """An event that Karpenter wrote."""
    return {
        "metadata": {"name": f"{name}.{reason}", "creationTimestamp": stamp(NOW)},
        "involvedObject": {"kind": kind, "name": name, "uid": f"uid-{name}"},
        "reason": reason,
        "message": "",
        "firstTimestamp": stamp(NOW),
        "lastTimestamp": stamp(NOW),
        "count": 1,
        **more,
    }


def parsed(*given: Any, machine: Machine | None = MACHINE) -> list[Any]:
    found = events.parse({"items": list(given)}, observed_at=NOW, find=lambda _, __: machine)
    return list(found)


def test_the_recorded_events_are_attributed_and_told_once() -> None:
    with replayed() as source:
        records = list(FEED.collect(source))
        later = list(FEED.collect(source))

    assert [one for one in records if isinstance(one, Interruption)] == [
        Interruption(
            provider="aws",
            region="us-east-1",
            zone="use1-az4",
            instance_type="m7g.xlarge",
            node="i-0b662ef9931388ba0",
            kind=InterruptionKind.ANNOUNCED,
            occurred_at=NOW.replace(hour=17, minute=42, second=10),
            notice_seconds=120.0,
            source=NAME,
            observed_at=NOW,
        )
    ]
    assert [(one.definition, one.pool) for one in records if isinstance(one, Signal)] == [
        (REFUSED_LAUNCH, Pool("aws", "*", "*", "*")),
        (REBALANCE, Pool("aws", "us-east-1", "use1-az4", "m7g.xlarge")),
    ]
    assert [one.pool for one in later if isinstance(one, Signal)] == [
        Pool("aws", "us-east-1", "us-east-1b", "g5.xlarge")
    ]


def test_an_interruption_of_a_machine_that_is_gone_is_kept_under_the_claims_name() -> None:
    (record,) = parsed(an_event(), machine=None)

    assert (record.provider, record.node) == ("aws", "default-1")
    assert (record.region, record.zone, record.instance_type) == (None, None, None)


def test_claim_and_node_are_one_interruption(warehouse: Warehouse) -> None:
    cluster = FakeCluster(objects={EVENTS: {}, NODECLAIMS: {}, NODES: {}})
    node = a_node("ip-10", provider_id="aws:///us-east-1a/i-1")
    cluster.put(NODES, node)
    cluster.put(NODECLAIMS, {**node, "status": {"providerID": "aws:///us-east-1a/i-1"}})
    cluster.put(EVENTS, an_event(name="ip-10"))
    cluster.put(EVENTS, {**an_event(kind="Node", name="ip-10"), "metadata": {"name": "other"}})
    cluster.objects[EVENTS]["other"]["metadata"]["creationTimestamp"] = stamp(NOW)

    with api_server(cluster) as url:
        run_at(warehouse, FEED, url, Clock())

    assert warehouse.rows("select node from interruption") == [("i-1",)]


def test_a_nodes_own_event_says_nothing_if_the_node_is_gone() -> None:
    assert parsed(an_event(kind="Node"), machine=None) == []


@pytest.mark.parametrize(
    "reason", ["InstanceTerminating", "InstanceStopping", "Disrupted", "NodeNotReady", "Evicted"]
)
def test_other_reasons_say_nothing(reason: str) -> None:
    assert parsed(an_event(reason)) == []


def test_a_recommendation_is_told_of_the_claim_only() -> None:
    records = parsed(
        an_event("SpotRebalanceRecommendation"),
        an_event("SpotRebalanceRecommendation", kind="Node"),
    )

    assert [(one.definition, one.value_low, one.pool) for one in records] == [
        (REBALANCE, 1.0, MACHINE.pool)
    ]


def test_a_repeated_event_is_another_refusal_but_the_same_interruption(
    warehouse: Warehouse,
) -> None:
    cluster, clock = FakeCluster(objects={EVENTS: {}}), Clock()
    reasons = ("SpotInterrupted", "InsufficientCapacityError")

    with api_server(cluster) as url:
        for count in (1, 2):
            for reason in reasons:
                last = stamp(clock.now)
                cluster.put(EVENTS, an_event(reason, lastTimestamp=last, count=count))
            run_at(warehouse, FEED, url, clock)
            clock.pass_by(minutes=3)

    assert warehouse.rows("select occurred_at from interruption") == [(NOW,)]
    assert warehouse.rows("select observed_at from signal order by all") == [
        (NOW,),
        (NOW + timedelta(minutes=3),),
    ]


def test_nothing_is_told_twice_after_the_history_is_forgotten(warehouse: Warehouse) -> None:
    cluster, clock = FakeCluster(objects={EVENTS: {}}), Clock()

    with api_server(cluster) as url:
        for name in ("one", "two", "three"):
            message = f"NodeClaim {name}: {NO_SPOT}"
            moment = stamp(clock.now)
            event = an_event("InsufficientCapacityError", name=name, message=message)
            cluster.put(EVENTS, {**event, "firstTimestamp": moment, "lastTimestamp": moment})
            run_at(warehouse, FEED, url, clock)
            cluster.forget()
            run_at(warehouse, FEED, url, clock)
            clock.pass_by(minutes=1)

    assert warehouse.rows("select sum(value_low), count(*) from signal") == [(3.0, 3)]


def test_what_the_cluster_has_forgotten_is_not_noted_for_ever(warehouse: Warehouse) -> None:
    cluster, clock = FakeCluster(objects={EVENTS: {}}), Clock()
    cluster.put(EVENTS, an_event())

    with api_server(cluster) as url:
        run_at(warehouse, FEED, url, clock)
        cluster.delete(EVENTS, "default-1.SpotInterrupted")
        run_at(warehouse, FEED, url, clock)

    (cursor,) = warehouse.rows("select cursor from feed_progress")[0]
    assert json.loads(cursor)["known"] == []
    assert warehouse.rows("select count(*) from interruption") == [(1,)]


def test_refusals_of_one_second_are_told_apart_by_their_claims() -> None:
    records = parsed(
        *(an_event("InsufficientCapacityError", name=name, message=NO_SPOT) for name in "ab")
    )

    assert {one.pool for one in records} == {Pool("aws", "*", "*", "*")}
    assert [(one.subject, one.value_low, one.value_high) for one in records] == [
        ("uid-a", 1.0, 1.0),
        ("uid-b", 1.0, 1.0),
    ]
    assert [json.loads(one.detail)["nodeclaim"] for one in records] == ["a", "b"]


@pytest.mark.parametrize(
    ("message", "pools"),
    [
        (NO_SPOT, [Pool("aws", "*", "*", "*")]),
        (
            NO_G5,
            [Pool("aws", "us-east-1", "us-east-1b", "g5.xlarge")],
        ),
        (
            "ZONE_RESOURCE_POOL_EXHAUSTED: 'projects/p/zones/us-central1-a' has not enough",
            [Pool("gcp", "us-central1", "us-central1-a", "*")],
        ),
        (
            "SkuNotAvailable: The requested VM size 'Standard_NC24ads_A100_v4' is not available",
            [Pool("azure", "*", "*", "Standard_NC24ads_A100_v4")],
        ),
        (
            "OperationDenied.NoStock: the resource ecs.gn7i-c8g1.2xlarge is sold out",
            [Pool("alibaba", "*", "*", "ecs.gn7i-c8g1.2xlarge")],
        ),
        ("all requested instance types were unavailable during launch", [Pool("*", "*", "*", "*")]),
        ("", [Pool("*", "*", "*", "*")]),
    ],
)
def test_the_pool_that_refused_is_in_the_message_or_unknown(
    message: str, pools: list[Pool]
) -> None:
    assert pools_in(message) == pools


def test_a_limit_of_the_account_is_no_want_of_capacity() -> None:
    message = "insufficient capacity, with fleet error(s), MaxSpotInstanceCountExceeded: Max spot"

    assert is_only_a_limit(message)
    assert not is_only_a_limit(f"{message}; {NO_SPOT}")
    assert parsed(an_event("InsufficientCapacityError", message=message)) == []


def test_only_the_start_of_a_long_message_is_kept() -> None:
    (signal,) = parsed(an_event("InsufficientCapacityError", message="x" * 5_000))

    assert len(json.loads(signal.detail)["message"]) == 300


@pytest.mark.parametrize(
    "more",
    [
        {"firstTimestamp": None, "lastTimestamp": None, "eventTime": "2026-11-23T18:30:00.000001Z"},
        {"firstTimestamp": None, "lastTimestamp": None},
        {"series": {"count": 2, "lastObservedTime": "2026-11-23T18:31:00.000000Z"}},
    ],
    ids=["new form", "no times", "series"],
)
def test_an_event_has_a_time_whoever_wrote_it(more: dict[str, Any]) -> None:
    (record,) = parsed(an_event(**more))

    assert abs(record.occurred_at - NOW) < timedelta(seconds=1)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"involvedObject": None}, "an event: involvedObject is None"),
        ({"metadata": {}}, "an event: missing 'name'"),
        ({"lastTimestamp": "soon"}, "event default-1.SpotInterrupted: Invalid isoformat"),
        ({"message": 5}, "event default-1.SpotInterrupted: message is 5, not a text"),
    ],
)
def test_an_event_of_another_form_is_told_with_its_place(more: dict[str, Any], words: str) -> None:
    with pytest.raises(SourceChangedError, match=words):
        parsed({**an_event(), **more})
