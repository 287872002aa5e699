"""Google Cloud's Spot VMs: time at risk, and who ended it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.errors import SourceChangedError
from collector.provider import Progress
from collector.providers.gcp.instances import FEED, NAME
from tests.support.gcp import COMPUTE, ZONE, Asked, answered, replayed
from tests.support.loopback import NOW, run
from warehouse.records import EndedBy, Exposure, RunOutcome
from warehouse.store import Warehouse

LAUNCHED = datetime(2026, 11, 23, 14, 0, 10, tzinfo=UTC)
FIVE = timedelta(minutes=5)
SPOT = {"provisioningModel": "SPOT", "preemptible": True}
PREEMPTIBLE = {"provisioningModel": "STANDARD", "preemptible": True}
ON_DEMAND = {"provisioningModel": "STANDARD", "preemptible": False}


def exposure(name: str = "worker", **changed: Any) -> Exposure:
    given: dict[str, Any] = {
        "instance_type": "n2-standard-4",
        "launched_at": LAUNCHED,
        "last_alive_at": NOW,
        "ended_at": None,
        "ended_by": EndedBy.STILL_RUNNING,
        "end_reason": "running",
    }
    node = f"example-project/{ZONE}/{name}"
    place: dict[str, Any] = {"provider": "gcp", "region": "us-central1", "zone": ZONE, "node": node}
    return Exposure(**{**place, **given, **changed}, source=NAME)


def machine(name: str = "worker", status: str = "RUNNING", **changed: Any) -> dict[str, Any]:
    given = {
        "name": name,
        "status": status,
        "machineType": f"https://x/zones/{ZONE}/machineTypes/n2-standard-4",
        "creationTimestamp": "2026-11-23T06:00:00.000-08:00",
        "lastStartTimestamp": "2026-11-23T06:00:10.000-08:00",
        "scheduling": SPOT,
    }
    return {key: value for key, value in {**given, **changed}.items() if value is not None}


def preemption(at: datetime, name: str = "worker") -> dict[str, Any]:
    return {
        "operationType": "compute.instances.preempted",
        "targetLink": f"https://x/projects/example-project/zones/{ZONE}/instances/{name}",
        "targetId": "1",
        "insertTime": at.isoformat(),
    }


def collected(
    *machines: dict[str, Any],
    preemptions: tuple[dict[str, Any], ...] = (),
    at: datetime = NOW,
    progress: Progress | None = None,
) -> tuple[list[Any], Progress, list[Asked]]:
    """What a run at ``at`` yields, what it leaves for the next, and what it asked."""
    instances = {f"zones/{ZONE}": {"instances": [*machines]}}

    def answer(asked: Asked) -> Any:
        if asked.url.endswith("/operations"):
            return {"kind": "compute#operationList", "items": [*preemptions]}
        return {"kind": "compute#instanceAggregatedList", "items": instances}

    with answered(answer, now=at, progress=progress or Progress()) as (source, server):
        return list(FEED.collect(source)), source.progress, server.asked


def after(
    *machines: dict[str, Any],
    before: dict[str, Any] | None = None,
    wait: timedelta = FIVE,
    preemptions: tuple[dict[str, Any], ...] = (),
) -> list[Any]:
    """What the second run tells, ``wait`` after one that saw ``before`` run."""
    _, progress, _ = collected(before or machine())
    return collected(*machines, preemptions=preemptions, at=NOW + wait, progress=progress)[0]


def test_the_recorded_spot_vms_are_at_risk_and_the_others_are_not() -> None:
    with replayed() as source:
        records = list(FEED.collect(source))

    assert records == [
        exposure("spot-worker-1"),
        exposure(
            "old-preemptible",
            instance_type="n1-standard-4",
            launched_at=datetime(2026, 11, 23, 15, tzinfo=UTC),
        ),
    ]


def test_a_second_run_stores_nothing_new() -> None:
    with Warehouse.in_memory() as warehouse, replayed() as source:
        results = [run(warehouse, FEED, source).result for _ in range(2)]

    assert [(one.outcome, one.rows_new) for one in results] == [
        (RunOutcome.OK, 2),
        (RunOutcome.OK, 0),
    ]


def test_only_machines_that_can_be_preempted_are_asked_for() -> None:
    _, _, (asked,) = collected()

    assert asked.url == f"{COMPUTE}/aggregated/instances"
    assert asked.query == {
        "filter": '(scheduling.provisioningModel = "SPOT") OR (scheduling.preemptible = true)',
        "maxResults": "500",
    }
    assert collected(machine(scheduling=ON_DEMAND))[0] == []


def test_a_machine_that_goes_on_is_told_once_an_hour() -> None:
    assert after(machine()) == []
    assert after(machine(), wait=timedelta(hours=1)) == [
        exposure(last_alive_at=NOW + timedelta(hours=1))
    ]


def test_a_machine_that_is_gone_was_ended_by_its_user() -> None:
    assert after() == [
        exposure(ended_at=NOW + FIVE, ended_by=EndedBy.USER, end_reason="stopped or deleted")
    ]


def test_a_machine_that_was_preempted_was_interrupted_at_that_moment() -> None:
    at = NOW + timedelta(minutes=2)

    assert after(preemptions=(preemption(at), preemption(at, "other"))) == [
        exposure(ended_at=at, ended_by=EndedBy.INTERRUPTED, end_reason="preempted")
    ]


def test_an_earlier_preemption_of_the_same_name_does_not_count() -> None:
    (ended,) = after(preemptions=(preemption(NOW - timedelta(hours=3)),))

    assert ended.ended_by is EndedBy.USER


def test_a_machine_that_was_stopped_ended_when_google_says() -> None:
    stopped = machine(status="TERMINATED", lastStopTimestamp="2026-11-23T10:32:00-08:00")

    (ended,) = after(stopped)

    assert (ended.ended_at, ended.ended_by) == (NOW + timedelta(minutes=2), EndedBy.USER)


def test_a_machine_that_was_started_again_began_another_life() -> None:
    again = machine(
        lastStopTimestamp="2026-11-23T10:31:00-08:00",
        lastStartTimestamp="2026-11-23T10:33:00-08:00",
    )

    new, old = after(again)

    assert new == exposure(launched_at=NOW + timedelta(minutes=3), last_alive_at=NOW + FIVE)
    assert (old.launched_at, old.ended_at) == (LAUNCHED, NOW + timedelta(minutes=1))


@pytest.mark.parametrize(
    ("hours", "scheduling", "ended_by"),
    [
        (24.0, PREEMPTIBLE, EndedBy.POLICY),
        (23.0, PREEMPTIBLE, EndedBy.INTERRUPTED),
        (24.0, SPOT, EndedBy.INTERRUPTED),
    ],
)
def test_the_end_of_an_old_preemptible_vm_at_24_hours_is_a_rule(
    hours: float, scheduling: dict[str, Any], ended_by: EndedBy
) -> None:
    at = NOW + timedelta(minutes=1)
    launched = (at - timedelta(hours=hours)).isoformat()
    before = machine(lastStartTimestamp=launched, scheduling=scheduling)

    (ended,) = after(before=before, preemptions=(preemption(at),))

    assert ended.ended_by is ended_by


@pytest.mark.parametrize("status", ["STOPPING", "PENDING_STOP", "SUSPENDING", "REPAIRING"])
def test_of_a_machine_that_is_going_nothing_is_said_until_it_is_gone(status: str) -> None:
    _, progress, _ = collected(machine())
    records, progress, _ = collected(machine(status=status), at=NOW + FIVE, progress=progress)
    gone, _, _ = collected(at=NOW + 2 * FIVE, progress=progress)

    assert records == []
    assert [one.last_alive_at for one in gone] == [NOW]


@pytest.mark.parametrize("status", ["PROVISIONING", "STAGING", "PENDING"])
def test_a_machine_that_is_coming_is_not_at_risk_yet(status: str) -> None:
    assert collected(machine(status=status, lastStartTimestamp=None))[0] == []


def test_a_machine_without_a_start_began_when_it_was_made() -> None:
    (found,), _, _ = collected(machine(lastStartTimestamp=None))

    assert found.launched_at == LAUNCHED - timedelta(seconds=10)


def test_operations_are_asked_for_only_where_a_machine_is_gone() -> None:
    _, progress, first = collected(machine())
    _, _, second = collected(at=NOW + FIVE, progress=progress)

    assert len(first) == 1
    assert [one.url for one in second[1:]] == [f"{COMPUTE}/zones/{ZONE}/operations"]


def test_a_life_and_its_end_are_told_to_the_warehouse() -> None:
    progress = Progress()

    def answer(asked: Asked) -> Any:
        if asked.url.endswith("/operations"):
            return {"kind": "compute#operationList"}
        listed = {f"zones/{ZONE}": {"instances": [] if progress.cursor else [machine()]}}
        return {"kind": "compute#instanceAggregatedList", "items": listed}

    with Warehouse.in_memory() as warehouse:
        for at in (NOW, NOW + FIVE):
            with answered(answer, now=at, progress=progress) as (source, _):
                assert run(warehouse, FEED, source).result.outcome is RunOutcome.OK
        ends = warehouse.rows("select ended_by from exposure order by ended_at nulls first")

    assert ends == [("still_running",), ("user",)]


def test_a_note_that_cannot_be_read_is_told() -> None:
    with pytest.raises(SourceChangedError, match="its own note of the last run"):
        collected(progress=Progress(cursor="{"))
