"""The hand-over of a node that somebody asks for: by a command, or over HTTP."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from advisor.replacement.deciding import Kept, asked_for
from advisor.replacement.records import HandOver, Snapshot
from api.errors import NoAnswerError
from api.guard.looking import BY, PERSON
from api.guard.places import PlaceFinder


class RefusedError(NoAnswerError):
    """The node must not be replaced now, whoever asks; says why."""


def hand_over_of(
    there: Snapshot,
    node: str,
    reason: str,
    known: Sequence[HandOver],
    places: PlaceFinder,
    *,
    detail: Mapping[str, str] | None = None,
) -> HandOver:
    """The hand-over of a node that a person asks for; ``known`` are those open or just ended.

    ``detail`` is what else is to be kept of who asked.

    Raises:
        RefusedError: it is not there, is protected, or a budget is spent.
    """
    text = f"asked for by a person: {reason}"
    found = places.of(there, [node], there.taken_at) if node in there.nodes else {}
    made = asked_for(node, there, known, places.judged, reason=text, destinations=found)
    if isinstance(made, Kept):
        raise RefusedError(f"Node {node} is not replaced: {made.reason}.")
    wanted = made.hand_over(there.taken_at)
    return replace(wanted, detail={**(detail or {}), **wanted.detail, BY: PERSON})
