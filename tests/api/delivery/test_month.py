"""A month of notices through receivers that fail half of the time, and a process that dies."""

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from pydantic import TypeAdapter

from api.config.channels import Channel, ChannelSection
from api.delivery.notice import Attachment, Notice, addressed
from api.delivery.sending import Sender
from tests.support.receivers import Fault, Received, hook, mail_server
from warehouse.outbox import enqueue
from warehouse.store import Warehouse

START = datetime(2026, 11, 1, tzinfo=UTC)
DAYS = 30
MINUTE = timedelta(minutes=1)
NEXT = "select min(next_try_at) from message where state = 'pending'"
STATES = "select message_id, state from message"


class Killed(BaseException):
    """The process was killed."""


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        """The time."""
        return self.now


def notice(day: int, period: str) -> Notice:
    """A report of a day or week."""
    at = START + timedelta(days=day, hours=6)
    return Notice(
        kind="report",
        key=f"{period} {at:%Y-%m-%d}",
        title=f"{period} report {at:%Y-%m-%d}",
        text="338 prices rose.",
        at=at,
        attachments=(Attachment(name="report.html", media_type="text/html", text="<p>prices"),),
    )


def notices() -> list[Notice]:
    """A daily one each day, and a weekly one each week."""
    weekly = [notice(day, "weekly") for day in range(0, DAYS, 7)]
    return sorted([*(notice(day, "daily") for day in range(DAYS)), *weekly], key=lambda one: one.at)


def channels(mail: Received, post: Received) -> dict[str, ChannelSection]:
    """Two receivers of mail and a webhook."""
    read = TypeAdapter[ChannelSection](Channel)
    return {
        "mail": read.validate_python(
            {
                "kind": "smtp",
                "host": "127.0.0.1",
                "port": mail.port,
                "security": "none",
                "sender": "desk@example.com",
                "to": ["ops@example.com", "finance@example.com"],
                "timeout_seconds": 5,
            }
        ),
        "hook": read.validate_python(
            {"kind": "webhook", "url": f"http://127.0.0.1:{post.port}/x", "timeout_seconds": 5}
        ),
    }


class Desk:
    """The outbox of one database, whose process may die at any time it asks for the database."""

    def __init__(self, warehouse: Warehouse, chance: Random, kills: float) -> None:
        self.warehouse = warehouse
        self.killed = 0
        self._chance = chance
        self._kills = kills

    @contextmanager
    def lease(self) -> Generator[Warehouse]:
        """The database, if the process lives; it may die before and after."""
        self._perhaps_die()
        yield self.warehouse
        self._perhaps_die()

    def _perhaps_die(self) -> None:
        if self._chance.random() < self._kills:
            self.killed += 1
            raise Killed


@pytest.mark.parametrize("seed", range(3))
def test_a_month_of_reports_is_accepted_once_by_receivers_that_fail_half_of_the_time(
    seed: int,
) -> None:
    chance = Random(seed)  # noqa: S311 - a test's dice
    ended: set[str] = set()
    doubtful: Counter[str] = Counter()
    after_the_end: list[str] = []
    faults: Counter[Fault | None] = Counter()

    def behave(message_id: str) -> Fault | None:
        if message_id in ended:
            after_the_end.append(message_id)
        fault: Fault | None = chance.choice([*[None] * 5, *Fault])
        faults[fault] += 1
        doubtful[message_id] += fault is Fault.CUT
        return fault

    clock, told = Clock(), notices()
    with (
        Warehouse.in_memory() as warehouse,
        mail_server(behave) as mail,
        hook(behave) as post,
    ):
        desk = Desk(warehouse, chance, kills=0.02)
        into = channels(mail, post)
        wanted = {one.message_id for one in addressed(told, into, START)}
        while told or warehouse.rows(NEXT)[0][0]:
            while told and told[0].at <= clock.now:
                with warehouse.transaction():
                    enqueue(warehouse, addressed([told[0]], into, clock.now))
                    # Told again, as by a job that does not know whether it had done so.
                    assert enqueue(warehouse, addressed([told[0]], into, clock.now)) == 0
                told.pop(0)
            before = Counter(mail.ids + post.ids)
            try:
                Sender(desk.lease, into, {}, clock).send_due()
            except Killed:
                # Whatever it had handed over may be unknown to the next process.
                doubtful.update(Counter(mail.ids + post.ids) - before)
            ended = {row[0] for row in warehouse.rows(STATES) if row[1] == "accepted"}
            due = [row[0] for row in warehouse.rows(NEXT) if row[0]]
            upcoming = [one.at for one in told[:1]]
            clock.now = max(clock.now + MINUTE, min([*due, *upcoming], default=clock.now))

        states = dict(warehouse.rows(STATES))
        kept = warehouse.rows("select count(*) from message where payload is not null")

    arrived = Counter(mail.ids + post.ids)
    assert set(states.values()) == {"accepted"}
    assert set(arrived) == wanted == set(states)
    assert not after_the_end
    # A repeat is of a message whose acceptance nobody could store, and of no other.
    assert all(number <= 1 + doubtful[one] for one, number in arrived.items())
    assert kept == [(0,)]
    # It was the month that it should have been.
    assert len(wanted) == 3 * (DAYS + 5)
    assert sum(number for fault, number in faults.items() if fault) > 0.4 * faults.total()
    assert set(Fault) <= set(faults)
    assert desk.killed > 5
