"""Google Cloud's preemptions as operations, in the machine's own time zone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.errors import NotOfferedError
from collector.providers.gcp.preemptions import FEED, METHOD, NAME
from tests.support.gcp import COMPUTE, ZONE, Asked, answered, recorded, replayed, zones
from tests.support.loopback import NOW, run
from warehouse.records import Interruption, InterruptionKind, RunOutcome
from warehouse.store import Warehouse

NODE = "example-project/us-central1-a/spot-worker-3"
AT = datetime(2026, 11, 23, 17, 42, 9, 581000, tzinfo=UTC)
(THE_ROW,) = recorded("zoneOperations.list.preempted.json")["items"]


def taken(instance_type: str | None = "n2-standard-4", **changed: Any) -> Interruption:
    given: dict[str, Any] = {"node": NODE, "occurred_at": AT, **changed}
    return Interruption(
        provider="gcp",
        region="us-central1",
        zone=ZONE,
        instance_type=instance_type,
        kind=InterruptionKind.TAKEN,
        notice_seconds=None,
        source=NAME,
        observed_at=NOW,
        **given,
    )


def operation(name: str = "spot-worker-3", at: datetime = AT, **changed: Any) -> dict[str, Any]:
    link = THE_ROW["targetLink"].replace("spot-worker-3", name)
    return {**THE_ROW, "targetLink": link, "insertTime": at.isoformat(), **changed}


def operations(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    items = {"items": [*rows]} if rows else {}
    return {"kind": "compute#operationList", **items, **more}


def machines(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "compute#instanceList", **({"items": [*rows]} if rows else {})}


def collected(
    *pages: dict[str, Any], still_there: dict[str, Any] | None = None, **given: Any
) -> tuple[list[Any], list[Asked]]:
    """What the feed yields from pages of operations in one zone, and what it asked."""
    left = list(pages)

    def answer(asked: Asked) -> Any:
        if asked.url.endswith("/operations"):
            return left.pop(0)
        return zones(ZONE) if asked.url.endswith("/zones") else still_there or machines()

    with answered(answer, **given) as (source, server):
        return list(FEED.collect(source)), server.asked


def test_the_recorded_operation_becomes_an_interruption_with_the_stopped_machines_type() -> None:
    with replayed() as source:
        assert list(FEED.collect(source)) == [taken()]


def test_a_second_run_stores_nothing_new() -> None:
    with Warehouse.in_memory() as warehouse, replayed() as source:
        results = [run(warehouse, FEED, source).result for _ in range(2)]
        seen = warehouse.rows("select node, zone, instance_type from machine_interruption")

    assert [(one.outcome, one.rows_read, one.rows_new) for one in results] == [
        (RunOutcome.OK, 1, 1),
        (RunOutcome.OK, 1, 0),
    ]
    assert seen == [(NODE, ZONE, "n2-standard-4")]


def test_what_is_asked_is_the_preemptions_of_each_zone_and_then_the_machines() -> None:
    _, asked = collected(operations(operation()))

    listing, found, named = asked
    assert listing.url == f"{COMPUTE}/zones"
    assert found.url == f"{COMPUTE}/zones/{ZONE}/operations"
    assert found.query == {
        "filter": 'operationType = "compute.instances.preempted"',
        "orderBy": "creationTimestamp desc",
        "maxResults": "500",
    }
    assert named.url == f"{COMPUTE}/zones/{ZONE}/instances"
    assert named.query["filter"] == '(name = "spot-worker-3")'


def test_a_machine_that_is_gone_has_no_type_and_is_told_all_the_same() -> None:
    records, _ = collected(operations(operation()))

    assert records == [taken(None)]


def test_a_new_machine_of_the_same_name_does_not_lend_its_type() -> None:
    other = {"id": "99", "name": "spot-worker-3", "machineType": "zones/z/machineTypes/e2-micro"}

    records, _ = collected(operations(operation()), still_there=machines(other))

    assert records == [taken(None)]


def test_other_operations_are_no_interruptions() -> None:
    others = [
        operation(operationType=kind)
        for kind in ("compute.instances.deferredStop", "stop", "delete", "migrateOnHostMaintenance")
    ]

    records, asked = collected(operations(*others))

    assert records == []
    assert len(asked) == 2


def test_a_quiet_project_is_no_fault() -> None:
    answers = {"/zones": zones(ZONE), "/operations": operations()}
    with (
        Warehouse.in_memory() as warehouse,
        answered(lambda asked: answers["/" + asked.url.rsplit("/", 1)[1]]) as (source, _),
    ):
        result = run(warehouse, FEED, source).result

    assert (result.outcome, result.rows_read) == (RunOutcome.OK, 0)


def test_all_pages_are_read() -> None:
    records, asked = collected(
        operations(operation("a"), nextPageToken="two"), operations(operation("b"))
    )

    assert [one.node.rsplit("/", 1)[1] for one in records] == ["a", "b"]
    assert [one.query.get("pageToken") for one in asked[1:3]] == [None, "two"]


def test_reading_stops_at_what_the_last_run_has_seen() -> None:
    old = NOW - timedelta(hours=3)
    records, asked = collected(
        operations(operation("new"), operation("old", at=old), nextPageToken="two"),
        since=NOW - timedelta(minutes=5),
    )

    assert [one.node for one in records] == [NODE.replace("spot-worker-3", "new")]
    assert len(asked) == 3


def test_many_machines_are_asked_for_in_several_lists() -> None:
    rows = [operation(f"worker-{number:03}") for number in range(120)]

    records, asked = collected(operations(*rows))

    assert len(records) == 120
    assert [one.query["filter"].count("name =") for one in asked[2:]] == [50, 50, 20]


def test_a_region_that_is_not_there_is_skipped() -> None:
    with pytest.raises(NotOfferedError, match="there is no region mars-north1"):
        collected(region="mars-north1")


def test_the_kind_of_operation_is_the_one_that_the_audit_log_names() -> None:
    assert THE_ROW["operationType"] == METHOD
    assert recorded("audit_log.preempted.json")["protoPayload"]["methodName"] == METHOD
