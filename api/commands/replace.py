"""``spotcast replace``: hand one node over because a person says so."""

import sys
from typing import Annotated

import typer

from advisor.replacement.records import HandOver, State
from api.commands.guard import INTERVAL, book_of, holder, lease_time, places_of
from api.guard.asking import RefusedError, hand_over_of
from api.guard.looking import Guard
from api.guard.loop import Sleep, until_signalled
from api.guard.options import GuardOptions
from api.guard.report import Mode, Telling, node_text
from api.options import with_fields
from api.output import note
from api.settings import Settings
from api.wiring import utc_now


@with_fields(GuardOptions)
def replace_command(
    options: GuardOptions,
    context: typer.Context,
    node: Annotated[str, typer.Option(help="Name of the node.")],
    reason: Annotated[str, typer.Option(help="Why, for the Events and the audit.")] = "maintenance",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and write nothing.")
    ] = False,
) -> None:
    """Replace one node: by the same steps, budgets and PodDisruptionBudgets as `spotcast guard`.

    A node that must not be touched is refused. If a guard leads, it carries the hand-over out;
    else this command does, and ends when it is over. Ctrl-C leaves it open for a guard.
    """
    settings: Settings = context.obj
    judged, path = options.settings(), options.warehouse or settings.warehouse
    mode = Mode.OBSERVE if dry_run else Mode.ACT
    with options.cluster() as cluster, until_signalled(note) as stop:
        book = book_of(path, mode, judged)
        places = places_of(path, mode, settings, judged)
        now = utc_now()
        wanted = hand_over_of(cluster.snapshot(now), node, reason, book.known(now), places)
        text = f"{node_text(wanted)} by {wanted.mechanism}: {wanted.reason}"
        if dry_run:
            sys.stdout.write(f"Would replace {text}\n")
            return
        guard = Guard(
            cluster,
            book,
            judged,
            places=places,
            mode=mode,
            holder=holder(),
            lease_for=lease_time(INTERVAL),
            clock=utc_now,
            is_stopping=stop.is_set,
        )
        if not guard.start(wanted):
            raise RefusedError(f"Node {node}: a hand-over of it is open already.")
        sys.stdout.write(f"Replacing {text}\n")
        _drive(guard, wanted, stop.wait)


def _drive(guard: Guard, wanted: HandOver, sleep: Sleep) -> None:
    """Carry it out to its end, unless another guard does.

    Raises:
        RefusedError: it came to another end than wanted.
    """
    telling = Telling()
    while True:
        report = guard.drive(wanted.replacement_id)
        for text in telling(report):
            sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
        if not report.is_leader:
            note("A guard leads and carries it out: `spotcast replacements` shows how far it is.")
            return
        if not report.open:
            break
        if sleep(INTERVAL.total_seconds()):
            note("Left open: `spotcast guard --mode act` carries it on.")
            guard.resign()
            return
    guard.resign()
    last = report.steps[-1].state if report.steps else State.DONE
    if last is not State.DONE:
        raise RefusedError(f"Node {wanted.node} was not replaced: {last}.")
