"""What fires and what is told, whatever the readings and however often the process ends."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.alerts.judging import (
    FORGOTTEN_AFTER,
    Alert,
    Change,
    Judged,
    Reading,
    Rule,
    Standing,
    State,
    judge,
)
from tests.support.alerting import MINUTE, a_reading, a_rule
from tests.support.market import NOW

BAD, GOOD, UNKNOWN = Standing.BAD, Standing.GOOD, Standing.UNKNOWN

Step = tuple[Standing | None, bool]
"""What is said of the one pool (None: nothing), and whether a silence holds."""

steps = st.lists(
    st.tuples(st.sampled_from([BAD, BAD, GOOD, GOOD, UNKNOWN, None]), st.booleans()), max_size=60
)
standings = st.lists(st.sampled_from([BAD, GOOD, UNKNOWN]), max_size=60)
waits = st.integers(0, 8)


def walked(
    rule: Rule, walk: Sequence[Step], *, started: datetime = NOW, before: Alert | None = None
) -> list[Judged]:
    """One look a minute."""
    alerts, found = ({before.fingerprint: before} if before else {}), list[Judged]()
    for place, (standing, silent) in enumerate(walk):
        readings = [] if standing is None else [a_reading(standing)]
        silenced = _always if silent else _never
        judged = judge({rule.name: rule}, readings, alerts, silenced, started + place * MINUTE)
        alerts = judged.after
        found.append(judged)
    return found


def _always(_: Alert) -> bool:
    return True


def _never(_: Alert) -> bool:
    return False


def plain(*standings: Standing) -> list[Step]:
    return [(one, False) for one in standings]


def told(walk: Sequence[Judged]) -> list[tuple[int, str]]:
    """At which look what was told."""
    found = []
    for place, judged in enumerate(walk):
        for one in judged.told:
            found += [(place, "new")] * len(one.new)
            found += [(place, "again")] * len(one.again)
            found += [(place, "ended")] * len(one.ended)
    return found


def test_it_fires_after_its_time_and_ends_after_it_was_well_for_long_enough() -> None:
    rule = a_rule(wait=5, recover=3)
    walk = walked(rule, plain(*[BAD] * 7, *[GOOD] * 6))
    states = [next(iter(one.after.values())).state.value for one in walk]
    assert states == ["pending"] * 5 + ["firing"] * 5 + ["resolved"] * 3
    assert told(walk) == [(5, "new"), (10, "ended")]


def test_what_still_fires_is_told_again_after_the_interval() -> None:
    walk = walked(a_rule(wait=0, repeat=10), plain(*[BAD] * 25))
    assert told(walk) == [(0, "new"), (10, "again"), (20, "again")]
    assert told(walked(a_rule(wait=0, repeat=None), plain(*[BAD] * 25))) == [(0, "new")]


def test_to_lose_sight_of_it_neither_fires_nor_ends_it() -> None:
    rule = a_rule(wait=5, recover=0, repeat=None)
    assert told(walked(rule, plain(BAD, *[UNKNOWN] * 30))) == []
    walk = walked(rule, plain(*[BAD] * 6, *[UNKNOWN] * 30))
    assert told(walk) == [(5, "new")]
    alert = next(iter(walk[-1].after.values()))
    assert (alert.state, alert.is_known) == (State.FIRING, False)


def test_what_was_never_known_is_unknown_and_becomes_nothing_when_it_is_well() -> None:
    walk = walked(a_rule(), plain(UNKNOWN, UNKNOWN, GOOD))
    assert [len(one.after) for one in walk] == [1, 1, 0]
    assert next(iter(walk[1].after.values())).since == NOW
    assert not any(one.changes for one in walk)


def test_what_a_silence_held_back_is_told_after_it_if_it_still_fires() -> None:
    rule = a_rule(wait=0, recover=0, repeat=None)
    still = walked(rule, [*[(BAD, True)] * 5, *[(BAD, False)] * 3])
    assert told(still) == [(5, "new")]
    over = walked(rule, [*[(BAD, True)] * 5, *[(GOOD, True)] * 3, *[(GOOD, False)] * 3])
    assert told(over) == []


def test_the_end_of_what_was_told_is_told_after_the_silence() -> None:
    rule = a_rule(wait=0, recover=0)
    walk = walked(rule, [(BAD, False), *[(GOOD, True)] * 5, *[(GOOD, False)] * 3])
    assert told(walk) == [(0, "new"), (6, "ended")]


def test_what_is_no_longer_there_ends_unless_the_whole_rule_is_blind() -> None:
    rule = a_rule(wait=0, recover=0, repeat=None)
    assert told(walked(rule, [(BAD, False), (None, False)])) == [(0, "new"), (1, "ended")]
    firing = walked(rule, plain(BAD))[0].after
    blind = Reading("risk", {}, UNKNOWN, None, "No forecast is stored.")
    judged = judge({"risk": rule}, [blind], firing, lambda _: False, NOW + MINUTE)
    states = {one.state for one in judged.after.values()}
    assert not judged.told
    assert states == {State.FIRING, State.UNKNOWN}


def test_a_rule_that_is_switched_off_ends_what_it_fired() -> None:
    firing = walked(a_rule(wait=0), plain(BAD))[0].after
    off = a_rule(is_on=False)
    judged = judge({"risk": off}, [a_reading(BAD)], firing, lambda _: False, NOW + MINUTE)
    assert [len(one.ended) for one in judged.told] == [1]


def test_many_pools_are_one_notice() -> None:
    readings = [a_reading(BAD, f"g5.{size}xlarge") for size in range(200)]
    judged = judge({"risk": a_rule(wait=0)}, readings, {}, lambda _: False, NOW)
    assert [len(one.new) for one in judged.told] == [200]


def test_without_a_channel_nobody_is_told_and_a_new_one_hears_of_what_still_fires() -> None:
    silent = walked(a_rule(wait=0, channels=()), plain(BAD, BAD))
    assert told(silent) == []
    (alert,) = silent[-1].after.values()
    later = walked(a_rule(wait=0), plain(BAD), started=NOW + 2 * MINUTE, before=alert)
    assert told(later) == [(0, "new")]


def test_of_two_readings_of_one_thing_the_worse_counts() -> None:
    readings = [a_reading(BAD), a_reading(GOOD)]
    judged = judge({"risk": a_rule(wait=0)}, readings, {}, lambda _: False, NOW)
    assert [one.state for one in judged.after.values()] == [State.FIRING]


def test_what_was_resolved_is_forgotten_after_a_week() -> None:
    walk = walked(a_rule(wait=0, recover=0), plain(BAD, GOOD))
    (alert,) = walk[-1].after.values()
    later = NOW + MINUTE + FORGOTTEN_AFTER
    kept = walked(a_rule(), plain(GOOD), started=later - MINUTE, before=alert)
    gone = walked(a_rule(), plain(GOOD), started=later, before=alert)
    assert [len(one[0].after) for one in (kept, gone)] == [1, 0]


@given(walk=steps, wait=waits, recover=waits, repeat=st.integers(1, 20))
def test_an_episode_is_told_once_and_again_only_after_the_interval_and_its_end_once(
    walk: list[Step], wait: int, recover: int, repeat: int
) -> None:
    open_since: int | None = None
    for place, what in told(walked(a_rule(wait=wait, recover=recover, repeat=repeat), walk)):
        if what == "ended":
            assert open_since is not None
            open_since = None
        else:
            assert (open_since is None) == (what == "new")
            assert open_since is None or place - open_since >= repeat
            open_since = place


@given(walk=standings, wait=st.integers(1, 8))
def test_what_never_lasts_as_long_as_the_rule_says_is_never_told(
    walk: list[Standing], wait: int
) -> None:
    run, cut = 0, list[Standing]()
    for one in walk:
        # Unknown counts as lasting: only a good reading says that it was over.
        run = 0 if one is GOOD else run + 1
        cut.append(GOOD if run > wait else one)
        run = 0 if run > wait else run
    assert told(walked(a_rule(wait=wait), plain(*cut))) == []


@given(walk=standings, wait=waits)
def test_what_lasts_is_told_at_the_look_at_which_its_time_is_over(
    walk: list[Standing], wait: int
) -> None:
    calm = [GOOD] * 10
    judged = walked(a_rule(wait=wait, recover=0), plain(*walk, *calm, *[BAD] * (wait + 1)))
    assert told(judged)[-1] == (len(walk) + len(calm) + wait, "new")


@given(walk=steps, wait=waits, recover=waits)
def test_a_silence_tells_nothing_and_after_it_the_states_are_those_without_it(
    walk: list[Step], wait: int, recover: int
) -> None:
    rule = a_rule(wait=wait, recover=recover, repeat=None)
    judged = walked(rule, walk)
    assert not any(walk[place][1] for place, _ in told(judged))
    # After a calm that is long enough, whatever was told has ended: nobody waits for a word.
    calm = walked(rule, [*walk, *[(GOOD, False)] * (recover + 2)])
    counts = Counter(what for _, what in told(calm))
    assert counts["new"] == counts["ended"]


@given(walk=standings, wait=waits, recover=waits)
def test_the_audit_has_a_line_for_each_change_of_state_and_each_word(
    walk: list[Standing], wait: int, recover: int
) -> None:
    judged = walked(a_rule(wait=wait, recover=recover, repeat=7), plain(*walk))
    lines = Counter(change for one in judged for change, _ in one.changes)
    words = Counter(what for _, what in told(judged))
    assert lines[Change.TOLD] == words["new"] == lines[Change.FIRING]
    assert lines[Change.TOLD_AGAIN] == words["again"]
    assert lines[Change.END_TOLD] == words["ended"] == lines[Change.RESOLVED]
    assert (
        lines[Change.PENDING] + (lines[Change.FIRING] if wait == 0 else 0)
        >= lines[Change.DROPPED] + lines[Change.FIRING]
    )


@given(walk=standings)
def test_a_clock_that_is_set_back_raises_nothing(walk: list[Standing]) -> None:
    alerts: dict[str, Alert] = {}
    for place, standing in enumerate(walk):
        now = NOW - place * timedelta(hours=1)
        alerts = judge(
            {"risk": a_rule()}, [a_reading(standing)], alerts, lambda _: False, now
        ).after
        assert all(replace(one) == one for one in alerts.values())


@pytest.mark.parametrize("standing", list(Standing))
def test_a_rule_that_no_longer_exists_leaves_nothing(standing: Standing) -> None:
    firing = walked(a_rule(wait=0), plain(BAD))[0].after
    assert judge({}, [a_reading(standing)], firing, lambda _: False, NOW).after == {}
