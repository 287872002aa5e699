"""The lives of the account's spot machines, run after run."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.errors import SourceChangedError, SourceDeniedError
from collector.provider import Progress
from collector.providers.alibaba.instances import FEED, NAME, Seen, read_cursor, write_cursor
from tests.support.alibaba import REGION, alibaba_at, replayed
from tests.support.loopback import NOW, Answer, Request, loopback, run
from warehouse.records import (
    EndedBy,
    Exposure,
    Interruption,
    InterruptionKind,
    Record,
    RunOutcome,
)
from warehouse.store import Warehouse

STARTED = datetime(2026, 11, 23, 10, 1, tzinfo=UTC)
LATER = NOW + timedelta(minutes=2)
LOCKED: dict[str, Any] = {"OperationLocks": {"LockReason": [{"LockReason": "Recycling"}]}}


def row(node: str = "i-1", **changed: Any) -> dict[str, Any]:
    given = {
        "InstanceId": node,
        "ZoneId": f"{REGION}-i",
        "InstanceType": "ecs.g7.large",
        "SpotStrategy": "SpotAsPriceGo",
        "Status": "Running",
        "CreationTime": "2026-11-23T10:00Z",
        "StartTime": "2026-11-23T10:01Z",
        "OperationLocks": {"LockReason": []},
    }
    return {**given, **changed}


def life(node: str = "i-1", alive_at: datetime = NOW, **changed: Any) -> Exposure:
    given: dict[str, Any] = {
        "provider": "alibaba",
        "region": REGION,
        "zone": f"{REGION}-i",
        "instance_type": "ecs.g7.large",
        "node": node,
        "launched_at": STARTED,
        "last_alive_at": alive_at,
        "ended_at": None,
        "ended_by": EndedBy.STILL_RUNNING,
        "end_reason": "still there",
        "source": NAME,
    }
    return Exposure(**{**given, **changed})


def end(ended_by: EndedBy, ended_at: datetime = LATER) -> dict[str, Any]:
    seen = "interruption seen" if ended_by is EndedBy.INTERRUPTED else "no interruption seen"
    return {"ended_at": ended_at, "ended_by": ended_by, "end_reason": f"gone, {seen}"}


def lock(at: datetime, observed_at: datetime, node: str = "i-1") -> Interruption:
    kind, zone = InterruptionKind.ANNOUNCED, f"{REGION}-i"
    return Interruption(
        "alibaba", REGION, zone, "ecs.g7.large", node, kind, at, None, NAME, observed_at
    )


def told(node: str, at: datetime) -> dict[str, Any]:
    return {
        "Name": "Instance:PreemptibleInstanceInterruption",
        "Content": json.dumps({"instanceId": node}),
        "RegionId": REGION,
        "Time": int(at.timestamp() * 1000),
    }


class Account:
    """What the cloud would answer, changed by a test between runs; and what it was asked."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.rows = list(rows)
        self.listed: list[dict[str, Any]] | None = None
        self.events: list[dict[str, Any]] = []
        self.progress = Progress()
        self.asked: list[Request] = []
        self.monitor: Answer | None = None

    def _answer(self, request: Request) -> Answer:
        self.asked.append(request)
        if request.headers["x-acs-action"] != "DescribeInstances":
            body: dict[str, Any] = {"SystemEvents": {"SystemEvent": self.events}}
            return self.monitor or Answer(json.dumps(body).encode())
        rows = self.rows
        if "InstanceIds" in request.query:
            nodes = json.loads(request.query["InstanceIds"])
            rows = [one for one in rows if one["InstanceId"] in nodes]
        elif self.listed is not None:
            rows = self.listed
        return Answer(json.dumps({"Instances": {"Instance": rows}}).encode())

    def run(self, now: datetime = NOW) -> list[Record]:
        """The records of one run, which finds the note of the one before."""
        self.asked.clear()
        with (
            loopback(self._answer) as server,
            alibaba_at(server.url, now=now, progress=self.progress) as source,
        ):
            return list(FEED.collect(source))


def test_the_recorded_machines_become_lives_and_a_lock_an_announcement() -> None:
    with replayed() as source:
        records = list(FEED.collect(source))

    spot = "i-bp1ecr********5go2go"
    assert records == [
        lock(NOW, NOW, spot),
        life(spot, launched_at=datetime(2026, 11, 22, 6, 11, tzinfo=UTC)),
        life(
            "i-bp1starting0000000002",
            zone=f"{REGION}-j",
            instance_type="ecs.gn7i-c8g1.2xlarge",
            launched_at=datetime(2026, 11, 23, 18, 29, tzinfo=UTC),
        ),
    ]


def test_a_second_run_at_the_same_time_stores_nothing_new() -> None:
    with Warehouse.in_memory() as warehouse, replayed() as source:
        results = [run(warehouse, FEED, source).result for _ in range(2)]

    assert [(one.outcome, one.rows_read, one.rows_new) for one in results] == [
        (RunOutcome.OK, 3, 3),
        (RunOutcome.OK, 3, 0),
    ]


def test_an_account_without_spot_machines_is_no_fault() -> None:
    account = Account(row(SpotStrategy="NoSpot"))

    assert account.run() == []
    assert account.run(LATER) == []
    assert len(account.asked) == 1


def test_a_machine_that_stays_is_told_of_once_an_hour_and_its_end_at_once() -> None:
    account = Account(row())
    hour = timedelta(hours=1)

    assert account.run() == [life()]
    assert account.run(NOW + hour / 2) == []
    assert account.run(NOW + hour) == [life(alive_at=NOW + hour)]
    assert account.run(NOW + 1.5 * hour) == []
    account.rows.clear()
    gone_at = NOW + 1.6 * hour
    assert account.run(gone_at) == [life(alive_at=NOW + 1.5 * hour, **end(EndedBy.USER, gone_at))]


def test_a_machine_that_is_gone_without_a_word_was_ended_by_the_user() -> None:
    account = Account(row(), row("i-2"))
    account.run()
    account.rows.pop(0)

    assert account.run(LATER) == [life("i-1", **end(EndedBy.USER))]
    assert account.run(LATER) == []


def test_a_lock_is_announced_once_and_its_machine_was_taken_when_it_is_gone() -> None:
    account = Account(row(**LOCKED))

    assert account.run() == [lock(NOW, NOW), life()]
    assert account.run(LATER) == [lock(NOW, LATER)]
    account.rows.clear()
    gone_at = LATER + timedelta(minutes=2)
    taken = end(EndedBy.INTERRUPTED, gone_at)
    assert account.run(gone_at) == [lock(NOW, gone_at), life(alive_at=LATER, **taken)]


def test_a_lock_that_is_lifted_says_nothing_of_the_end() -> None:
    account = Account(row(**LOCKED))
    account.run()
    account.rows[0] = row()
    account.run()
    account.rows.clear()

    assert account.run(LATER) == [life(**end(EndedBy.USER))]


def test_a_machine_that_is_gone_after_an_event_was_taken() -> None:
    account = Account(row())
    account.run()
    account.rows.clear()
    account.events.append(told("i-1", NOW + timedelta(seconds=30)))

    assert account.run(LATER) == [life(**end(EndedBy.INTERRUPTED))]
    start = datetime.fromtimestamp(int(account.asked[-1].query["StartTime"]) / 1000, UTC)
    assert start == NOW - timedelta(minutes=10)


def test_an_event_about_another_machine_says_nothing_of_the_end() -> None:
    account = Account(row())
    account.run()
    account.rows.clear()
    account.events.append(told("i-9", NOW))

    assert account.run(LATER) == [life(**end(EndedBy.USER))]


def test_a_machine_that_the_list_left_out_is_asked_for_by_name() -> None:
    account = Account(row())
    account.run()
    account.listed = []

    assert account.run(LATER) == []
    assert json.loads(account.asked[-1].query["InstanceIds"]) == ["i-1"]


def test_nothing_is_told_while_nobody_says_whether_it_was_taken() -> None:
    account = Account(row())
    account.run()
    noted = account.progress.cursor
    account.rows.clear()
    account.monitor = Answer(b'{"Code": "NoPermission"}', 403)

    with pytest.raises(SourceDeniedError, match=r"^alibaba\.instances: .*grant cms:DescribeSystem"):
        account.run(LATER)
    assert account.progress.cursor == noted


def test_a_stopped_machine_is_not_at_risk_and_a_new_start_is_a_new_life() -> None:
    account = Account(row())
    account.run()
    account.rows[0] = row(Status="Stopped")
    assert account.run(LATER) == [life(**end(EndedBy.USER))]

    again = LATER + timedelta(minutes=5)
    account.rows[0] = row(StartTime="2026-11-23T18:35Z")
    started = datetime(2026, 11, 23, 18, 35, tzinfo=UTC)
    assert account.run(again) == [life(alive_at=again, launched_at=started)]


def test_a_machine_that_was_stopped_with_a_lock_was_taken_and_is_told_once() -> None:
    account = Account(row())
    account.run()
    account.rows[0] = row(Status="Stopped", **LOCKED)

    taken = life(**end(EndedBy.INTERRUPTED))
    assert account.run(LATER) == [lock(LATER, LATER), taken]
    assert account.run(LATER) == []


def test_a_machine_that_was_started_again_between_two_runs_has_a_new_life() -> None:
    account = Account(row())
    account.run()
    account.rows[0] = row(StartTime="2026-11-23T18:31Z")
    started = datetime(2026, 11, 23, 18, 31, tzinfo=UTC)

    assert account.run(LATER) == [life(alive_at=LATER, launched_at=started)]


def test_a_start_a_little_ahead_of_our_clock_is_the_last_time_it_was_seen() -> None:
    ahead = NOW + timedelta(minutes=1)

    records = Account(row(StartTime=f"{ahead:%Y-%m-%dT%H:%MZ}")).run()

    assert records == [life(alive_at=ahead, launched_at=ahead)]


def test_the_note_of_a_run_is_read_by_the_next() -> None:
    seen = {
        "i-1": Seen("z", "t", STARTED, LATER, NOW),
        "i-2": Seen("z", "t", STARTED, NOW, NOW, recycling_since=LATER),
    }

    assert read_cursor(write_cursor(seen)) == seen
    assert read_cursor(write_cursor({})) == read_cursor(None) == {}


@pytest.mark.parametrize("note", ["", "{", "5", '{"i-1": 5}', '{"i-1": {}}'])
def test_a_note_that_is_not_ours_is_reported(note: str) -> None:
    with pytest.raises(SourceChangedError, match=r"^alibaba\.instances: the cursor"):
        read_cursor(note)
