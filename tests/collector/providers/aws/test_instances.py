"""The lives of the account's Spot machines, run after run."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.errors import SourceChangedError, SourceDeniedError, SourceUnavailableError
from collector.provider import Progress
from collector.providers.aws.instances import FEED, NAME, read_cursor
from tests.support.aws import (
    REGION,
    Form,
    aws_at,
    ec2,
    instance,
    machines,
    refusal,
    replayed,
    zones,
)
from tests.support.loopback import BAD_ANSWERS, NOW, Answer, run
from warehouse.records import (
    EndedBy,
    Exposure,
    Interruption,
    InterruptionKind,
    Record,
    RunOutcome,
)
from warehouse.store import Warehouse

NODE, OTHER = "i-0b662ef9931388ba0", "i-0b662ef9931388ba1"
LAUNCHED = datetime(2026, 11, 23, 9, 15, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
TAKEN = "Server.SpotInstanceTermination"
# botocore hands on what came of XML before the line broke, and that is none.
BAD = {**BAD_ANSWERS, "cut body": (BAD_ANSWERS["cut body"][0], SourceChangedError)}


def life(node: str = NODE, alive_at: datetime = NOW, **changed: Any) -> Exposure:
    given: dict[str, Any] = {
        "provider": "aws",
        "region": REGION,
        "zone": "use1-az4",
        "instance_type": "g5.xlarge",
        "node": node,
        "launched_at": LAUNCHED,
        "last_alive_at": alive_at,
        "ended_at": None,
        "ended_by": EndedBy.STILL_RUNNING,
        "end_reason": "running",
        "source": NAME,
    }
    return Exposure(**{**given, **changed})


def end(ended_by: EndedBy, reason: str, ended_at: datetime = LATER) -> dict[str, Any]:
    return {"ended_at": ended_at, "ended_by": ended_by, "end_reason": reason}


def loss(node: str = NODE, at: datetime = LATER) -> Interruption:
    kind = InterruptionKind.TAKEN
    return Interruption("aws", REGION, "use1-az4", "g5.xlarge", node, kind, at, None, NAME, at)


def over(node: str = NODE, reason: str | None = None, **changed: str | None) -> str:
    return instance(node, **{"state": "terminated", "state_reason": reason, **changed})


class Account:
    """What EC2 would answer, changed by a test between runs; and what it was asked.

    ``by_id`` is what it says of machines that are asked for by their ids.
    """

    def __init__(self, *rows: str) -> None:
        self.rows = list(rows)
        self.by_id: Answer = machines()
        self.progress = Progress()
        self.asked: list[Form] = []

    def answer(self, form: Form) -> Answer:
        """Answer one request."""
        self.asked.append(form)
        if form["Action"] == "DescribeAvailabilityZones":
            return zones(us_east_1a="use1-az4")
        is_list = form["Filter.1.Name"] == "instance-lifecycle"
        return machines(*self.rows) if is_list else self.by_id

    def run(self, now: datetime = NOW) -> list[Record]:
        """The records of one run, which finds the note of the one before."""
        self.asked.clear()
        with (
            ec2(self.answer) as server,
            aws_at(server.url, now=now, progress=self.progress) as source,
        ):
            return list(FEED.collect(source))


def collect(answer: Answer, **given: Any) -> list[Record]:
    with ec2(lambda _: answer) as server, aws_at(server.url, **given) as source:
        return list(FEED.collect(source))


def test_the_recorded_machine_that_runs_is_a_life_and_no_other_is() -> None:
    with replayed() as source:
        records = list(FEED.collect(source))

    assert records == [
        life(
            "i-0b662ef9931388ba2",
            zone="use1-az1",
            instance_type="g6.xlarge",
            launched_at=datetime(2026, 11, 23, 12, 40, tzinfo=UTC),
        )
    ]


def test_a_second_run_stores_nothing_new() -> None:
    with Warehouse.in_memory() as warehouse, replayed() as source:
        results = [run(warehouse, FEED, source).result for _ in range(2)]

    assert [(one.outcome, one.rows_new) for one in results] == [
        (RunOutcome.OK, 1),
        (RunOutcome.OK, 0),
    ]


def test_only_spot_machines_are_asked_for() -> None:
    account = Account()

    assert account.run() == []
    (asked,) = account.asked
    assert (asked["Action"], asked["MaxResults"]) == ("DescribeInstances", "1000")
    assert (asked["Filter.1.Name"], asked["Filter.1.Value.1"]) == ("instance-lifecycle", "spot")


def test_a_machine_that_stays_is_told_of_once_an_hour_and_its_end_at_once() -> None:
    account = Account(instance())
    hour = timedelta(hours=1)

    assert account.run() == [life()]
    assert account.run(NOW + hour / 2) == []
    assert account.run(NOW + hour) == [life(alive_at=NOW + hour)]
    assert account.run(NOW + 1.5 * hour) == []
    account.rows = [over(reason="Client.UserInitiatedShutdown")]
    gone_at = NOW + 1.6 * hour
    ended = end(EndedBy.USER, "Client.UserInitiatedShutdown", gone_at)
    assert account.run(gone_at) == [life(alive_at=NOW + 1.5 * hour, **ended)]


@pytest.mark.parametrize("state", ["shutting-down", "terminated", "stopping", "stopped"])
@pytest.mark.parametrize("field", ["state_reason", "reason"])
def test_a_machine_that_ec2_took_is_interrupted_and_told_once(state: str, field: str) -> None:
    account = Account(instance(), instance(OTHER))
    account.run()
    account.rows[0] = instance(state=state, **{field: TAKEN})

    assert account.run(LATER) == [life(**end(EndedBy.INTERRUPTED, TAKEN)), loss()]
    account.rows[0] = over(reason=TAKEN)
    assert account.run(LATER + timedelta(minutes=5)) == []
    account.rows.pop(0)
    assert account.run(LATER + timedelta(minutes=10)) == []


def test_a_retirement_is_no_interruption_of_the_spot_market() -> None:
    account = Account(instance())
    account.run()
    account.rows = [over(reason="Server.ScheduledStop")]

    assert account.run(LATER) == [life(**end(EndedBy.POLICY, "Server.ScheduledStop"))]


def test_an_end_without_a_reason_is_the_users() -> None:
    account = Account(instance())
    account.run()
    account.rows = [over()]

    assert account.run(LATER) == [life(**end(EndedBy.USER, "terminated"))]


def test_a_machine_that_is_gone_is_asked_for_by_its_id_before_its_life_ends() -> None:
    account = Account(instance())
    account.run()
    account.rows.clear()

    assert account.run(LATER) == [life(**end(EndedBy.USER, "gone"))]
    asked = account.asked[-1]
    assert (asked["Filter.1.Name"], asked["Filter.1.Value.1"]) == ("instance-id", NODE)
    assert account.run(LATER + timedelta(minutes=5)) == []
    assert len(account.asked) == 1


def test_a_machine_that_the_list_left_out_goes_on() -> None:
    account = Account(instance())
    account.run()
    account.rows, account.by_id = [], machines(instance())

    assert account.run(LATER) == []
    account.by_id = machines(over(reason=TAKEN))
    later = LATER + timedelta(minutes=5)
    assert account.run(later) == [
        life(alive_at=LATER, **end(EndedBy.INTERRUPTED, TAKEN, later)),
        loss(at=later),
    ]


def test_nothing_is_told_while_nobody_says_why_a_machine_is_gone() -> None:
    account = Account(instance())
    account.run()
    noted = account.progress.cursor
    account.rows, account.by_id = [], refusal("InternalError", 500)

    with pytest.raises(SourceUnavailableError, match=r"^aws\.instances: "):
        account.run(LATER)
    assert account.progress.cursor == noted


def test_a_life_and_its_loss_pass_the_checks_of_what_is_stored(warehouse: Warehouse) -> None:
    account = Account(instance())
    for now in (NOW, LATER):
        with (
            ec2(account.answer) as server,
            aws_at(server.url, now=now, progress=account.progress) as source,
        ):
            assert run(warehouse, FEED, source).result.error is None
        account.rows = [over(reason=TAKEN)]

    assert warehouse.rows("select node, zone, taken_at, sources from machine_interruption") == [
        (NODE, "use1-az4", LATER, [NAME])
    ]
    assert warehouse.rows("select ended_by from exposure order by ended_at nulls first") == [
        ("still_running",),
        ("interrupted",),
    ]


def test_what_was_over_before_the_first_run_is_not_told() -> None:
    account = Account(over(reason=TAKEN), instance(OTHER, state="stopped"))

    assert account.run() == []
    assert account.run(LATER) == []


def test_a_machine_that_came_and_went_between_two_runs_is_told() -> None:
    account = Account()
    account.run()
    launch = NOW + timedelta(minutes=1)
    account.rows = [over(reason=TAKEN, launchTime=f"{launch:%Y-%m-%dT%H:%M:%SZ}")]

    ended = end(EndedBy.INTERRUPTED, TAKEN)
    assert account.run(LATER) == [life(alive_at=launch, launched_at=launch, **ended), loss()]
    assert account.run(LATER + timedelta(minutes=5)) == []


def test_a_machine_that_is_still_starting_is_not_at_risk() -> None:
    account = Account(instance(state="pending"))

    assert account.run() == []
    account.rows = [instance()]
    assert account.run(LATER) == [life(alive_at=LATER)]


@pytest.mark.parametrize("state", ["pending", "running"])
def test_a_machine_that_is_started_again_begins_another_life(state: str) -> None:
    account = Account(instance())
    account.run()
    again = NOW + timedelta(minutes=2)
    started = {"launchTime": f"{again:%Y-%m-%dT%H:%M:%SZ}"}
    account.rows = [instance(state=state, **started)]
    old = life(**end(EndedBy.USER, "gone", again))
    new = life(alive_at=LATER, launched_at=again)

    assert account.run(LATER) == ([old, new] if state == "running" else [old])


def test_a_machine_that_was_stopped_and_starts_again_is_told_of_anew() -> None:
    account = Account(instance())
    account.run()
    account.rows = [instance(state="stopped")]
    account.run(LATER)
    again = LATER + timedelta(minutes=5)
    account.rows = [instance(launchTime=f"{again:%Y-%m-%dT%H:%M:%SZ}")]

    assert account.run(again) == [life(alive_at=again, launched_at=again)]


def test_a_launch_a_little_ahead_of_our_clock_is_the_last_time_it_was_seen() -> None:
    ahead = NOW + timedelta(minutes=1)
    row = instance(launchTime=f"{ahead:%Y-%m-%dT%H:%M:%SZ}")

    assert Account(row).run() == [life(alive_at=ahead, launched_at=ahead)]


def test_a_machine_that_is_not_spot_is_left_out_whatever_was_asked() -> None:
    assert Account(instance(instanceLifecycle=None)).run() == []


def test_a_zone_without_an_id_is_joined_through_the_accounts_zones() -> None:
    assert Account(instance(zone_id=None)).run() == [life()]


def test_pages_are_followed_and_a_repeated_token_is_reported() -> None:
    def pages(form: Form) -> Answer:
        if "NextToken" in form:
            return machines(instance(OTHER))
        return machines(instance(), following="two")

    with ec2(pages) as server, aws_at(server.url) as source:
        assert list(FEED.collect(source)) == [life(), life(OTHER)]
    with pytest.raises(SourceChangedError, match="token"):
        collect(machines(instance(), following="same"))


@pytest.mark.parametrize(("answer", "error"), BAD.values(), ids=BAD.keys())
def test_a_bad_answer_is_told(answer: Answer, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^aws\.instances: "):
        collect(answer)


def test_a_missing_permission_is_named() -> None:
    with pytest.raises(SourceDeniedError, match="needs ec2:DescribeInstances"):
        collect(refusal("UnauthorizedOperation", 403))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"instanceId": None}, "missing 'InstanceId'"),
        ({"instanceType": None}, "missing 'InstanceType'"),
        ({"placement": None}, "missing 'Placement'"),
        ({"launchTime": None}, "missing 'LaunchTime'"),
        ({"launchTime": "soon"}, "a value cannot be read"),
        ({"state": None}, "state '' is unknown"),
        ({"state": "melted"}, "state 'melted' is unknown"),
    ],
)
def test_a_row_of_an_unknown_form_is_reported(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(SourceChangedError, match=rf"^aws\.instances: .*{why}"):
        collect(machines(instance(**changed)))


def test_the_note_of_a_run_is_read_by_the_next() -> None:
    account = Account(instance(), instance(OTHER, state="stopped"))
    account.run()

    noted = read_cursor(account.progress.cursor, REGION)
    assert noted is not None
    assert [(node, one.is_over, one.alive_at) for node, one in noted.items()] == [
        (NODE, False, NOW),
        (OTHER, True, LAUNCHED),
    ]
    assert read_cursor(None, REGION) is None


@pytest.mark.parametrize("note", ["", "{", "5", '{"i-1": 5}', '{"i-1": {}}'])
def test_a_note_that_is_not_ours_is_reported(note: str) -> None:
    with pytest.raises(SourceChangedError, match=r"^aws\.instances: the cursor"):
        read_cursor(note, REGION)
