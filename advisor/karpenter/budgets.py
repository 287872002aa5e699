"""Disruption budgets: how many nodes Karpenter may take away at once, and when."""

import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

from advisor.errors import ManifestError

Reason = Literal["Underutilized", "Empty", "Drifted"]
REASONS: tuple[Reason, ...] = get_args(Reason)

MACROS = frozenset(
    f"@{word}"
    for word in ("annually", "yearly", "monthly", "weekly", "daily", "midnight", "hourly")
)
"""The words that the CRD takes in place of five fields."""

_NODES = re.compile(r"(100|[0-9]{1,2})%|[0-9]+")
_DURATION = re.compile(r"(([0-9]+[hm])|([0-9]+h[0-9]+m))(0s)?")
_CRON_ITEM = re.compile(r"(?:[*?]|(?P<low>\w+)(?:-(?P<high>\w+))?)(?:/(?P<step>[0-9]+))?")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_CRON_FIELDS: tuple[tuple[int, int, tuple[str, ...]], ...] = (
    (0, 59, ()),
    (0, 23, ()),
    (1, 31, ()),
    (1, 12, _MONTHS),
    (0, 6, _DAYS),
)
"""Least and most of each field, and its names from the least on; as the parser that Karpenter
uses (robfig/cron, standard) knows them."""


@dataclass(frozen=True, slots=True)
class DisruptionBudget:
    """How many nodes Karpenter may take away at once; ``nodes`` is a number or a percentage.

    Without ``reasons`` it holds for all three. With a ``schedule`` (cron, in UTC) it holds for the
    ``duration`` (``8h``, ``90m``, ``1h30m``) after each of its times, else always. The strictest
    of several budgets counts. None of them holds back an expiry, an interruption or a deletion by
    hand.

    Raises:
        ManifestError: the API server would refuse it, or Karpenter could not read the schedule;
            it then lets no node go at all.
    """

    nodes: str
    reasons: tuple[Reason, ...] = ()
    schedule: str | None = None
    duration: str | None = None

    def __post_init__(self) -> None:
        if not _NODES.fullmatch(self.nodes):
            raise ManifestError("budget", f"{self.nodes!r} is neither a number nor 0% to 100%")
        if unknown := set(self.reasons) - set(REASONS):
            raise ManifestError(
                "budget", f"{', '.join(sorted(unknown))} is none of {', '.join(REASONS)}"
            )
        if len(set(self.reasons)) < len(self.reasons):
            raise ManifestError("budget", "a reason is named twice")
        if (self.schedule is None) != (self.duration is None):
            raise ManifestError("budget", "a schedule and a duration go together")
        if self.schedule is not None:
            _check_schedule(self.schedule)
        if self.duration is not None and not _DURATION.fullmatch(self.duration):
            raise ManifestError(
                "budget", f"{self.duration!r} is no duration such as 8h, 90m or 1h30m"
            )

    def as_manifest(self) -> dict[str, Any]:
        """The budget as it stands in a NodePool."""
        manifest: dict[str, Any] = {"nodes": self.nodes}
        if self.reasons:
            manifest["reasons"] = list(self.reasons)
        if self.schedule is not None:
            manifest |= {"schedule": self.schedule, "duration": self.duration}
        return manifest


CAUTIOUS_BUDGETS = (DisruptionBudget("10%"), DisruptionBudget("1", ("Drifted",)))
"""Karpenter's own 10 %, and one replacement at a time: a retired node is one drifted node."""


def budget(text: str) -> DisruptionBudget:
    """The budget that a person writes in one line.

    ``1; reasons=Drifted,Empty; schedule=0 8 * * mon-fri; duration=10h``: the nodes first, the
    rest in any order or left out.

    Raises:
        ManifestError: it cannot be read, or Kubernetes would refuse it.
    """
    nodes, *rest = (part.strip() for part in text.split(";"))
    given: dict[str, str] = {}
    for part in rest:
        name, found, value = (word.strip() for word in part.partition("="))
        if not found or name not in {"reasons", "schedule", "duration"} or name in given:
            raise ManifestError(
                "budget",
                f"{part!r} is not understood; write '1; reasons=Drifted; "
                "schedule=0 8 * * mon-fri; duration=10h'",
            )
        given[name] = value
    wanted = [word.strip() for word in given.get("reasons", "").split(",") if word.strip()]
    # A word that is no reason is refused by the class, by name.
    reasons: tuple[Any, ...] = tuple(wanted)
    return DisruptionBudget(nodes, reasons, given.get("schedule"), given.get("duration"))


def _check_schedule(schedule: str) -> None:
    if schedule in MACROS:
        return
    fields = schedule.split()
    if len(fields) != len(_CRON_FIELDS):
        raise ManifestError(
            "budget", f"schedule {schedule!r} has {len(fields)} fields, not five, and is no @macro"
        )
    for field, (least, most, names) in zip(fields, _CRON_FIELDS, strict=True):
        for item in field.split(","):
            if not _is_cron_item(item, least, most, names):
                raise ManifestError(
                    "budget", f"schedule {schedule!r}: {item!r} is not within {least} to {most}"
                )


def _is_cron_item(item: str, least: int, most: int, names: tuple[str, ...]) -> bool:
    match = _CRON_ITEM.fullmatch(item)
    if match is None:
        return False
    ends = [_cron_number(end, least, names) for end in match.group("low", "high") if end]
    numbers = [end for end in ends if end is not None and least <= end <= most]
    step = match["step"]
    return numbers == ends and numbers == sorted(numbers) and (step is None or int(step) > 0)


def _cron_number(word: str, least: int, names: tuple[str, ...]) -> int | None:
    if word.lower() in names:
        return least + names.index(word.lower())
    return int(word) if word.isascii() and word.isdigit() else None
