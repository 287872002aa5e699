"""``spotcast deliver``: send what waits in the outbox, and see what does."""

from datetime import datetime
from typing import Annotated

import typer

from api.delivery.checking import sample, troubles
from api.delivery.errors import DeliveryError
from api.delivery.notice import addressed
from api.delivery.sending import Outcome, Sender, Sent, deliver, parcel_of
from api.errors import EXIT_FAILED, UsageError
from api.options import Output
from api.options import Warehouse as WarehouseOption
from api.output import Column, Format, note, write
from api.settings import Settings
from api.units import age_text
from api.wiring import utc_now
from warehouse.outbox import MessageState, Waiting, listed_messages, try_again
from warehouse.store import Warehouse, lease

SHOWN = 200
"""Messages that are listed."""

ALL = "all"

COLUMNS = (
    Column("message_id", "MESSAGE"),
    Column("channel", "CHANNEL"),
    Column("receiver", "RECEIVER", is_wide=True),
    Column("state", "STATE"),
    Column("attempts", "TRIED", is_right=True),
    Column("age", "AGE", is_right=True),
    Column("next_try", "NEXT", is_right=True),
    Column("subject", "SUBJECT"),
    Column("why", "LAST ERROR"),
)


def deliver_command(
    context: typer.Context,
    listed: Annotated[
        bool, typer.Option("--list", help="Show the messages instead, the newest first.")
    ] = False,
    state: Annotated[
        MessageState | None, typer.Option(help="With --list: only those in this state.")
    ] = None,
    again: Annotated[
        str | None,
        typer.Option(metavar="ID", help="First take up a message that was given up; or `all`."),
    ] = None,
    test: Annotated[
        str | None,
        typer.Option(metavar="CHANNEL", help="Send a test message to a channel, at once."),
    ] = None,
    output: Output = Format.TABLE,
    warehouse: WarehouseOption = None,
) -> None:
    """Send the reports and alerts that are due, each once.

    What fails is kept and tried again with the next call; a running server does this by itself,
    every minute. Exit code 1 if a message failed.
    """
    settings: Settings = context.obj
    path = warehouse or settings.warehouse
    if test is not None:
        _test(settings, test)
    elif listed or state:
        with Warehouse.open(path, read_only=True) as store:
            _list(store, state, output)
    else:
        take = lease(path)
        if again is not None:
            with take() as store:
                _again(store, again)
        _told(Sender(take, settings.channels, settings.environ, utc_now).send_due())


def _test(settings: Settings, name: str) -> None:
    """Past the outbox: who asks for it waits for the answer.

    Raises:
        UsageError: there is no such channel, or it is not set up.
    """
    channel = settings.channels.get(name)
    if channel is None:
        known = ", ".join(settings.channels) or "none"
        raise UsageError(f"--test {name}: no such channel; the configuration has {known}")
    if found := troubles(name, channel, settings.environ):
        raise UsageError(f"channel {name}: {'; '.join(found)}")
    now = utc_now()
    for one in addressed([sample(name, now)], {name: channel}, now):
        waiting = Waiting(one.message_id, name, one.receiver, now, one.payload, 0)
        try:
            deliver(channel, parcel_of(waiting, now, settings.environ))
        except DeliveryError as error:
            note(f"spotcast: channel {name}: {error}")
            raise typer.Exit(EXIT_FAILED) from error
        note(f"channel {name} has accepted message {one.message_id}.")


def _list(store: Warehouse, state: MessageState | None, output: Format) -> None:
    now = utc_now()
    rows = [
        {
            **row,
            "age": age_text(now - row["created_at"]),
            "next_try": _until(row["next_try_at"], now),
            "why": row["last_error"] or "",
        }
        for row in listed_messages(store, state, SHOWN).iter_rows(named=True)
    ]
    write(output, COLUMNS, rows, name="messages", about={"as_of": now})
    if not rows:
        note("No message.")


def _until(at: datetime | None, now: datetime) -> str:
    if at is None:
        return ""
    return f"in {age_text(at - now)}" if at > now else "now"


def _again(store: Warehouse, message_id: str) -> None:
    found = try_again(store, utc_now(), None if message_id == ALL else message_id)
    if not found and message_id != ALL:
        raise UsageError(
            f"--again {message_id}: no such message was given up; "
            "`spotcast deliver --state given_up` shows those that were"
        )


def _told(sent: Sent) -> None:
    note(
        f"{sent[Outcome.ACCEPTED]} accepted, {sent[Outcome.FAILED]} to be tried again, "
        f"{sent[Outcome.GIVEN_UP]} given up, {sent[Outcome.LEFT]} left for the next time."
    )
    if sent[Outcome.FAILED] or sent[Outcome.GIVEN_UP]:
        raise typer.Exit(EXIT_FAILED)
