"""``spotcast deliver``: what waits is sent, shown, or taken up again."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.delivery.notice import Notice, addressed
from api.settings import current_settings
from tests.support.cli import Run
from tests.support.receivers import Fault, hook
from warehouse.outbox import enqueue
from warehouse.store import Warehouse

OUT = '[channels.out]\nkind = "folder"\npath = "out"\n'
AT = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


def configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, channels: str) -> None:
    """A configuration file with these channels, and a report in the outbox for each."""
    file = tmp_path / "spotcast.toml"
    file.write_text(f'[warehouse]\npath = "desk.duckdb"\n{channels}')
    monkeypatch.setenv("SPOTCAST_CONFIG", str(file))
    settings = current_settings()
    told = Notice(kind="report", key="w", title="Week", text="Prices rose.", at=AT)
    with Warehouse.open(settings.warehouse) as store, store.transaction():
        enqueue(store, addressed([told], settings.channels, AT))


def test_what_is_due_is_sent_once(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    configured(monkeypatch, tmp_path, OUT)

    first, second = run("deliver"), run("deliver")

    assert (first.code, second.code) == (0, 0)
    assert first.err.startswith("1 accepted, 0 to be tried again")
    assert second.err.startswith("0 accepted")
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_a_message_that_was_given_up_is_shown_with_its_reason_and_taken_up_again(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    is_up: list[bool] = []
    with hook(lambda _: None if is_up else Fault.BROKEN) as received:
        # So old a message is given up with its first failure.
        told = f'url = "http://127.0.0.1:{received.port}/"\ngive_up_after_hours = 0.001\n'
        configured(monkeypatch, tmp_path, f'[channels.hook]\nkind = "webhook"\n{told}')
        failed = run("deliver")
        (row,) = json.loads(run("deliver", "--state", "given_up", "-o", "json").out)["messages"]
        is_up.append(True)
        again = run("deliver", "--again", row["message_id"])
        unknown = run("deliver", "--again", "nobody")

    assert (failed.code, again.code, unknown.code) == (1, 0, 2)
    assert (row["state"], row["last_error"]) == ("given_up", "the receiver answers 500")
    assert "no such message was given up" in unknown.err
    assert len(received.posts) == 1
    assert "accepted" in run("deliver", "--list").out


def test_a_test_message_goes_past_the_outbox(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    configured(monkeypatch, tmp_path, OUT + '[channels.slack]\nkind = "slack"\nurl_env = "SLACK"\n')

    ended, missing = run("deliver", "--test", "out"), run("deliver", "--test", "slack")
    unknown = run("deliver", "--test", "nobody")

    assert (ended.code, missing.code, unknown.code) == (0, 2, 2)
    assert "has accepted" in ended.err
    assert "SLACK is not set" in missing.err
    assert "the configuration has out, slack" in unknown.err
    assert len(list((tmp_path / "out").iterdir())) == 1
