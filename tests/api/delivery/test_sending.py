"""What is due is tried, what fails is kept, and what is over stays so."""

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.config.channels import ChannelSection, FolderChannel, WebhookChannel
from api.delivery.notice import Notice, addressed
from api.delivery.sending import Outcome, Sender
from tests.support.receivers import Fault, hook
from warehouse.outbox import (
    MessageState,
    backlogs,
    due_messages,
    enqueue,
    give_up,
    listed_messages,
    note_accepted,
    note_failed,
    note_trying,
    try_again,
)
from warehouse.store import Warehouse

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def notice(key: str) -> Notice:
    """A report."""
    return Notice(kind="report", key=key, title=key, text="Prices rose.", at=NOW)


def webhook(port: int) -> WebhookChannel:
    """A channel on loopback."""
    return WebhookChannel(kind="webhook", url=f"http://127.0.0.1:{port}/", timeout_seconds=5)


class Desk:
    """An outbox with a clock that a test moves."""

    def __init__(self, warehouse: Warehouse, channels: Mapping[str, ChannelSection]) -> None:
        self.warehouse, self.now = warehouse, NOW
        self.channels: Mapping[str, ChannelSection] = channels

    def put(self, *keys: str) -> int:
        """Put reports into the outbox for every channel."""
        made = addressed(map(notice, keys), self.channels, self.now)
        with self.warehouse.transaction():
            return enqueue(self.warehouse, made)

    def send(self, *, is_stopping: bool = False) -> dict[Outcome, int]:
        """One round; the outcomes that there were."""

        @contextmanager
        def lease() -> Generator[Warehouse]:
            yield self.warehouse

        sender = Sender(lease, self.channels, {}, lambda: self.now, lambda: is_stopping)
        return {outcome: number for outcome, number in sender.send_due().items() if number}

    def row(self) -> dict[str, object]:
        """The newest message."""
        return listed_messages(self.warehouse, None, 1).to_dicts()[0]


def test_nothing_is_tried_before_it_is_due_nor_after_it_was_accepted() -> None:
    faults = [Fault.BUSY, Fault.LATER, None]
    with Warehouse.in_memory() as store, hook(lambda _: faults.pop(0)) as received:
        desk = Desk(store, {"hook": webhook(received.port)})
        desk.put("a")
        assert desk.send() == {Outcome.FAILED: 1}
        assert desk.send() == {}
        desk.now += timedelta(seconds=31)
        assert desk.send() == {Outcome.FAILED: 1}
        # The receiver asked for a quarter of an hour.
        desk.now += timedelta(seconds=899)
        assert desk.send() == {}
        desk.now += timedelta(seconds=1)
        assert desk.send() == {Outcome.ACCEPTED: 1}
        desk.now += 1000 * HOUR
        assert desk.send() == {}
        assert desk.put("a") == 0
        row = desk.row()

    assert len(received.posts) == 1
    assert (row["state"], row["attempts"], row["last_error"]) == ("accepted", 3, None)


def test_a_channel_that_fails_holds_up_no_other_and_is_asked_once_a_round() -> None:
    asked: list[str] = []

    def broken(message_id: str) -> Fault:
        asked.append(message_id)
        return Fault.BROKEN

    with Warehouse.in_memory() as store, hook(broken) as bad, hook() as good:
        desk = Desk(store, {"bad": webhook(bad.port), "good": webhook(good.port)})
        desk.put("a", "b", "c")
        came = desk.send()

    assert came == {Outcome.ACCEPTED: 3, Outcome.FAILED: 1, Outcome.LEFT: 2}
    assert len(asked) == 1
    assert len(good.posts) == 3


def test_a_message_that_nobody_takes_is_given_up_and_kept_for_who_asks_again() -> None:
    is_up: list[bool] = []
    with (
        Warehouse.in_memory() as store,
        hook(lambda _: None if is_up else Fault.BROKEN) as received,
    ):
        desk = Desk(store, {"hook": webhook(received.port)})
        desk.put("a")
        tries = 0
        while desk.row()["state"] == "pending":
            tries += sum(desk.send().values())
            desk.now += 2 * HOUR
        given_up = desk.row()
        assert desk.send() == {}
        is_up.append(True)
        assert try_again(store, desk.now) == [given_up["message_id"]]
        assert desk.send() == {Outcome.ACCEPTED: 1}

    assert given_up["state"] == MessageState.GIVEN_UP
    assert given_up["last_error"] == "the receiver answers 500"
    assert tries == 72 / 2 + 1
    assert len(received.posts) == 1


def test_a_message_to_a_channel_that_was_taken_out_waits_for_its_return(tmp_path: Path) -> None:
    with Warehouse.in_memory() as store:
        desk = Desk(store, {"out": FolderChannel(kind="folder", path=tmp_path)})
        desk.put("a")
        desk.channels = {}
        assert desk.send() == {Outcome.FAILED: 1}
        assert desk.row()["last_error"] == "the configuration has no channel 'out'"
        desk.channels = {"out": FolderChannel(kind="folder", path=tmp_path)}
        desk.now += HOUR
        assert desk.send() == {Outcome.ACCEPTED: 1}

    assert len(list(tmp_path.iterdir())) == 1


def test_a_message_that_cannot_be_read_is_given_up_and_the_others_go_on(tmp_path: Path) -> None:
    with Warehouse.in_memory() as store:
        desk = Desk(store, {"out": FolderChannel(kind="folder", path=tmp_path)})
        desk.put("a", "b")
        store.execute("update message set payload = '{}' where subject like '%a'")
        assert desk.send() == {Outcome.ACCEPTED: 1, Outcome.GIVEN_UP: 1}


def test_a_process_that_ends_begins_no_further_attempt(tmp_path: Path) -> None:
    with Warehouse.in_memory() as store:
        desk = Desk(store, {"out": FolderChannel(kind="folder", path=tmp_path)})
        desk.put("a", "b")
        assert desk.send(is_stopping=True) == {Outcome.LEFT: 2}
        assert len(due_messages(store, desk.now, 10)) == 2

    assert not list(tmp_path.iterdir())


def test_what_is_told_and_its_message_are_stored_together_or_not_at_all(tmp_path: Path) -> None:
    with Warehouse.in_memory() as store:
        channels: dict[str, ChannelSection] = {"out": FolderChannel(kind="folder", path=tmp_path)}
        made = addressed([notice("a")], channels, NOW)
        with pytest.raises(ZeroDivisionError), store.transaction():
            assert enqueue(store, made) / 0
        assert backlogs(store).is_empty()
        with store.transaction():
            enqueue(store, made)
        (row,) = backlogs(store).to_dicts()
        assert enqueue(store, []) == 0

    assert (row["channel"], row["waiting"], row["given_up"]) == ("out", 1, 0)
    assert (row["oldest_waiting_at"], row["next_try_at"], row["newest_error"]) == (NOW, NOW, None)


def test_what_a_channel_owes_is_told_with_its_newest_error_and_not_what_it_delivered() -> None:
    with Warehouse.in_memory() as store:
        made = addressed(
            [notice("a"), notice("b"), notice("c")],
            {"out": FolderChannel(kind="folder", path=Path("out"))},
            NOW,
        )
        enqueue(store, made)
        waits, lost, taken = (one.message_id for one in made)
        note_trying(store, waits, NOW, NOW + MINUTE)
        note_failed(store, waits, "busy", NOW + 2 * MINUTE)
        give_up(store, lost, "refused for good", NOW + MINUTE)
        note_accepted(store, taken, NOW + 2 * MINUTE)
        rows = backlogs(store).to_dicts()

    assert rows == [
        {
            "channel": "out",
            "waiting": 1,
            "oldest_waiting_at": NOW,
            "next_try_at": NOW + 2 * MINUTE,
            "given_up": 1,
            "newest_given_up_at": NOW + MINUTE,
            "newest_error": "refused for good",
            "newest_error_at": NOW + MINUTE,
        }
    ]


def test_no_secret_is_in_the_outbox() -> None:
    with Warehouse.in_memory() as store, hook() as received:
        told = WebhookChannel(kind="webhook", url_env="HOOK")
        desk = Desk(store, {"hook": told})
        desk.put("a")
        stored = json.dumps(store.rows("from message"), default=str)

    assert str(received.port) not in stored
    assert "HOOK" not in stored
