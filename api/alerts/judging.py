"""What fires, and what is told: decided from readings, the states before, and the clock alone.

An alert is one rule about one thing. It is pending while what the rule watches for has not lasted
the rule's time, fires after that, and is resolved once it has been well for a while. A thing that
cannot be judged is unknown: it begins no alert and ends none.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

FORGOTTEN_AFTER = timedelta(days=7)
"""How long a resolved alert is still shown; a week holds a weekend."""

SILENT_AFTER = timedelta(minutes=5)
"""The rules are judged every minute: five looks that are missing are no accident, and what is told
of the alerts may no longer hold."""

GONE = "It is no longer there, or no longer watched."
OFF = "The rule is switched off."

Labels = Mapping[str, str]


class Standing(StrEnum):
    """What a rule says of one thing at one moment."""

    BAD = "bad"
    GOOD = "good"
    UNKNOWN = "unknown"


class State(StrEnum):
    """How an alert stands."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"
    UNKNOWN = "unknown"


class Change(StrEnum):
    """What happened to an alert: the words of the audit."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"
    DROPPED = "dropped"
    TOLD = "told"
    TOLD_AGAIN = "told_again"
    END_TOLD = "end_told"


@dataclass(frozen=True, slots=True)
class Rule:
    """What the core must know of a rule.

    ``wait`` is how long a thing must be bad before it fires, ``recover`` how long it must be well
    before it is resolved; ``repeat`` None tells nothing a second time.
    """

    name: str
    severity: str
    wait: timedelta
    recover: timedelta
    repeat: timedelta | None
    channels: tuple[str, ...]
    is_on: bool = True


@dataclass(frozen=True, slots=True)
class Reading:
    """What a rule says of one thing. Unknown without labels: it says nothing of any other thing."""

    rule: str
    labels: Labels
    standing: Standing
    value: float | None
    text: str


@dataclass(frozen=True, slots=True)
class Alert:
    """How one thing stands under one rule: a row of the table ``alert``."""

    rule: str
    labels: Labels
    state: State
    since: datetime
    began_at: datetime | None
    told_at: datetime | None
    better_since: datetime | None
    is_known: bool
    value: float | None
    text: str

    @property
    def fingerprint(self) -> str:
        """Its identity."""
        return fingerprint(self.rule, self.labels)

    @property
    def is_open(self) -> bool:
        """Whether what the rule watches for has begun and has not ended."""
        return self.state in {State.PENDING, State.FIRING}


@dataclass(frozen=True, slots=True)
class Told:
    """One notice: all that is to be said of one rule at one moment."""

    rule: Rule
    new: tuple[Alert, ...]
    again: tuple[Alert, ...]
    ended: tuple[Alert, ...]


@dataclass(slots=True)
class Judged:
    """The states after a look, what changed, and what is to be told."""

    after: dict[str, Alert] = field(default_factory=dict)
    changes: list[tuple[Change, Alert]] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)


def fingerprint(rule: str, labels: Labels) -> str:
    """The identity of an alert: the same rule about the same thing has the same one."""
    text = json.dumps([rule, dict(labels)], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def judge(
    rules: Mapping[str, Rule],
    readings: Iterable[Reading],
    before: Mapping[str, Alert],
    is_silenced: Callable[[Alert], bool],
    now: datetime,
) -> Judged:
    """The states after these readings, and what is to be told of them.

    What is told counts as told when it is returned: the caller stores both or neither.
    """
    judged = Judged()
    for key, rule, reading, alert in _pairs(rules, readings, before):
        after = _after(rule, reading, alert, now)
        if change := _change(alert, after):
            judged.changes.append((change, after or alert or _none(reading, now)))
        if after:
            judged.after[key] = after
    for rule in rules.values():
        _tell(rule, judged, is_silenced, now)
    return judged


def _pairs(
    rules: Mapping[str, Rule], readings: Iterable[Reading], before: Mapping[str, Alert]
) -> Iterable[tuple[str, Rule, Reading, Alert | None]]:
    """Each thing that is told of or was: its rule, what is said of it now, and how it stood.

    Of two readings of one thing the worse counts. Alerts of rules that no longer exist are left.
    """
    said: dict[str, Reading] = {}
    blind: dict[str, str] = {}
    for one in readings:
        key = fingerprint(one.rule, one.labels)
        said[key] = min(
            one, said.get(key, one), key=lambda each: list(Standing).index(each.standing)
        )
        if one.standing is Standing.UNKNOWN and not one.labels:
            blind[one.rule] = one.text
    for key in sorted(said.keys() | before.keys()):
        alert = before.get(key)
        rule = rules.get(said[key].rule if key in said else before[key].rule)
        if rule is None:
            continue
        reading = said.get(key) if rule.is_on else None
        if reading is None:
            if alert is None:
                continue
            reading = _unsaid(rule, alert, blind.get(rule.name))
        yield key, rule, reading, alert


def _unsaid(rule: Rule, alert: Alert, blind: str | None) -> Reading:
    """What holds for an alert that no reading is about."""
    if not rule.is_on:
        return Reading(rule.name, alert.labels, Standing.GOOD, None, OFF)
    # What is open stays; what was unknown before is told of by whoever is blind.
    is_held = blind is not None and alert.is_open
    standing = Standing.UNKNOWN if is_held else Standing.GOOD
    return Reading(rule.name, alert.labels, standing, None, blind or GONE)


def _after(rule: Rule, reading: Reading, alert: Alert | None, now: datetime) -> Alert | None:
    match reading.standing:
        case Standing.BAD:
            return _worse(rule, reading, alert, now)
        case Standing.GOOD:
            return _better(rule, reading, alert, now)
        case Standing.UNKNOWN:
            return _unknown(reading, alert, now)


def _none(reading: Reading, now: datetime) -> Alert:
    """An alert of which nothing is known yet."""
    return Alert(
        reading.rule,
        reading.labels,
        State.UNKNOWN,
        now,
        began_at=None,
        told_at=None,
        better_since=None,
        is_known=False,
        value=reading.value,
        text=reading.text,
    )


def _worse(rule: Rule, reading: Reading, alert: Alert | None, now: datetime) -> Alert:
    alert = alert or _none(reading, now)
    began_at = alert.began_at if alert.is_open and alert.began_at else now
    is_firing = alert.state is State.FIRING or now - began_at >= rule.wait
    state = State.FIRING if is_firing else State.PENDING
    return replace(
        alert,
        state=state,
        since=alert.since if alert.state is state else now,
        began_at=began_at,
        better_since=None,
        is_known=True,
        value=reading.value,
        text=reading.text,
    )


def _better(rule: Rule, reading: Reading, alert: Alert | None, now: datetime) -> Alert | None:
    if alert is None or alert.state is State.UNKNOWN:
        return None
    if alert.state is State.RESOLVED:
        is_over = alert.told_at is None and now - alert.since >= FORGOTTEN_AFTER
        return None if is_over else alert
    if alert.state is State.PENDING and alert.told_at is None:
        return None
    better_since = alert.better_since or now
    is_over = not rule.is_on or now - better_since >= rule.recover
    alert = replace(alert, is_known=True, value=reading.value, text=reading.text)
    if not is_over:
        return replace(alert, better_since=better_since)
    return replace(alert, state=State.RESOLVED, since=now, better_since=None)


def _unknown(reading: Reading, alert: Alert | None, now: datetime) -> Alert:
    if alert is None or alert.state is State.UNKNOWN:
        return replace(_none(reading, now), since=alert.since if alert else now)
    if alert.state is State.RESOLVED:
        return alert
    # What is open stays as it was last known: to lose sight of a danger is no recovery.
    return replace(alert, is_known=False, better_since=None)


def _change(before: Alert | None, after: Alert | None) -> Change | None:
    """What the audit says of it; the unknown comes and goes without a line."""
    old, new = before.state if before else None, after.state if after else None
    if old == new:
        return None
    if new is None:
        return Change.DROPPED if old is State.PENDING else None
    return None if new is State.UNKNOWN else Change(new.value)


def _tell(rule: Rule, judged: Judged, is_silenced: Callable[[Alert], bool], now: datetime) -> None:
    """Add the rule's notice, if there is anything to say and anybody to say it to."""
    if not rule.channels:
        return
    mine = [one for one in judged.after.values() if one.rule == rule.name and not is_silenced(one)]
    new = [one for one in mine if _is_news(one)]
    again = [one for one in mine if _is_due_again(rule, one, now)]
    ended = [one for one in mine if one.state is State.RESOLVED and one.told_at]
    if not (new or again or ended):
        return
    judged.told.append(Told(rule, tuple(new), tuple(again), tuple(ended)))
    _note(judged, new, Change.TOLD, now)
    _note(judged, again, Change.TOLD_AGAIN, now)
    _note(judged, ended, Change.END_TOLD, None)


def _is_news(one: Alert) -> bool:
    """Whether it fires, as far as is known at this moment, and nobody was told."""
    fires = one.state is State.FIRING and one.is_known and one.better_since is None
    return fires and one.told_at is None


def _is_due_again(rule: Rule, one: Alert, now: datetime) -> bool:
    if one.told_at is None or one.state is not State.FIRING or one.better_since:
        return False
    return rule.repeat is not None and now - one.told_at >= rule.repeat


def _note(judged: Judged, told: Sequence[Alert], change: Change, told_at: datetime | None) -> None:
    for one in told:
        judged.after[one.fingerprint] = replace(one, told_at=told_at)
        judged.changes.append((change, one))
