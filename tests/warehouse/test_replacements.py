"""Hand-overs as they are stored: each transition once, in order, by one controller at a time."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.replacement.records import State
from tests.support.market import NOW, a_pool, a_price
from tests.support.reused import Reused
from warehouse.frames import frames_of
from warehouse.records import (
    EndedBy,
    Exposure,
    Interruption,
    InterruptionKind,
    Replacement,
    Signal,
)
from warehouse.replacements import (
    ENDS,
    TWO,
    Done,
    advance,
    audit,
    fates_of_machines,
    history,
    note_done,
    running,
    transitions,
    with_recent,
)
from warehouse.store import Warehouse

MINUTE = timedelta(minutes=1)


def a_step(
    state: str = "planned", minutes: float = 0, *, of: str = "r1", node: str = "a"
) -> Replacement:
    at = NOW + minutes * MINUTE
    return Replacement(of, at, state, node, a_pool(), "retire", "P is 40 %", '{"by": "guard"}')


def stored(warehouse: Warehouse, *steps: Replacement) -> None:
    before = None
    for one in steps:
        assert advance(warehouse, before, one)
        before = one


def at(minutes: float) -> datetime:
    return NOW + minutes * MINUTE


def test_the_ends_are_those_of_the_state_machine() -> None:
    ends = {State.DONE, State.ROLLED_BACK, State.OVERTAKEN, State.FAILED}

    assert {State(one) for one in ENDS} == ends
    assert {State(one) for one in TWO} == {State.SURGING, State.RETIRING, State.DRAINING}


def test_the_newest_row_is_where_a_hand_over_stands(warehouse: Warehouse) -> None:
    stored(warehouse, a_step(), a_step("retiring", 1), a_step("draining", 2))

    assert running(warehouse) == [a_step("draining", 2)]


def test_a_step_that_is_stored_again_changes_nothing(warehouse: Warehouse) -> None:
    stored(warehouse, a_step(), a_step("retiring", 1))

    assert advance(warehouse, a_step(), a_step("retiring", 1))
    assert transitions(warehouse, at(2), NOW)["sequence"].to_list() == [1, 2]


def test_two_steps_of_one_moment_keep_their_order(warehouse: Warehouse) -> None:
    stored(warehouse, a_step(), a_step("retiring"), a_step("draining"))

    assert [one.state for one in running(warehouse)] == ["draining"]


def test_a_hand_over_that_was_moved_on_meanwhile_is_not_moved_again(warehouse: Warehouse) -> None:
    stored(warehouse, a_step(), a_step("retiring", 1))

    assert not advance(warehouse, a_step(), a_step("surging", 2))
    assert not advance(warehouse, None, a_step("surging", 2))
    assert running(warehouse) == [a_step("retiring", 1)]


def test_a_node_has_one_open_hand_over_at_most(warehouse: Warehouse) -> None:
    stored(warehouse, a_step())

    assert not advance(warehouse, None, a_step(of="r2"))
    assert advance(warehouse, a_step(), a_step("done", 1))
    assert advance(warehouse, None, a_step(of="r2", minutes=2))


def test_what_has_ended_is_listed_for_the_cool_down_only(warehouse: Warehouse) -> None:
    stored(warehouse, a_step(), a_step("done", 5))
    stored(warehouse, a_step(of="r2", node="b", minutes=1))

    assert [one.node for one in running(warehouse)] == ["b"]
    assert [one.node for one in with_recent(warehouse, at(4))] == ["b", "a"]
    assert [one.node for one in with_recent(warehouse, at(6))] == ["b"]


def test_what_was_done_is_told_with_its_node_and_transition(warehouse: Warehouse) -> None:
    stored(warehouse, a_step(), a_step("retiring", 1))

    note_done(warehouse, [Done("r1", at(1), "retire", "NodeClaim a", "done")])

    (row,) = audit(warehouse, at(2), NOW).to_dicts()
    assert (row["node"], row["sequence"], row["action"]) == ("a", 2, "retire")
    assert audit(warehouse, at(2), NOW, node="b").is_empty()


def test_the_overlap_is_the_time_in_which_both_machines_may_run(warehouse: Warehouse) -> None:
    stored(
        warehouse,
        a_step(),
        a_step("surging", 2),
        a_step("retiring", 5),
        a_step("restoring", 9),
        a_step("done", 10),
    )

    (row,) = history(warehouse, at(60), NOW).to_dicts()

    assert row["overlap_seconds"] == 7 * 60
    assert (row["begun_at"], row["ended_at"]) == (at(2), at(10))


def test_an_open_hand_over_overlaps_until_now_and_has_no_end(warehouse: Warehouse) -> None:
    stored(warehouse, a_step(), a_step("retiring", 1))

    (row,) = history(warehouse, at(4), NOW).to_dicts()

    assert row["overlap_seconds"] == 3 * 60
    assert row["ended_at"] is None


def test_a_plan_that_was_never_begun_has_no_overlap(warehouse: Warehouse) -> None:
    stored(warehouse, a_step(), a_step("rolled_back", 3))

    (row,) = history(warehouse, at(4), NOW).to_dicts()

    assert (row["overlap_seconds"], row["begun_at"]) == (None, None)


def test_all_survive_the_end_of_the_process(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    with Warehouse.open(path) as one:
        stored(one, a_step(), a_step("retiring", 1))

    with Warehouse.open(path, read_only=True) as again:
        assert running(again) == [a_step("retiring", 1)]


def test_the_price_of_the_overlap_is_that_when_it_began(warehouse: Warehouse) -> None:
    prices = [a_price(0.5, effective_at=at(-60)), a_price(0.9, effective_at=at(5))]
    with warehouse.transaction():
        for table, frame in frames_of(warehouse, prices):
            warehouse.append(table, frame)
    stored(warehouse, a_step(), a_step("retiring", 1), a_step("done", 9))

    (row,) = history(warehouse, at(10), NOW).to_dicts()

    assert (row["price_per_hour"], row["currency"]) == (0.5, "USD")


STATES = st.sampled_from([one.value for one in State])


@settings(max_examples=25)
@given(st.lists(st.tuples(STATES, st.booleans()), max_size=6))
def test_of_two_controllers_only_one_takes_each_step(
    warehouses: Reused, steps: list[tuple[str, bool]]
) -> None:
    with warehouses.empty() as warehouse:
        last = a_step()
        assert advance(warehouse, None, last)
        for number, (state, first_is_quicker) in enumerate(steps, start=1):
            mine = replace(last, state=state, changed_at=at(number), reason="mine")
            yours = replace(last, state=state, changed_at=at(number), reason="yours")
            order = (mine, yours) if first_is_quicker else (yours, mine)

            assert [advance(warehouse, last, one) for one in order] == [True, False]
            last = order[0]
        told = transitions(warehouse, at(99), NOW)
        assert told["sequence"].to_list() == list(range(1, len(steps) + 2))


def test_what_became_of_machines_that_a_signal_told_of_is_counted(warehouse: Warehouse) -> None:
    word = "aws.rebalance_recommendation"
    told = [
        Signal(a_pool(), at(minutes), word, 1.0, 1.0, "aws.eventbridge", subject=node)
        for node, minutes in (
            *(("taken", 0), ("taken", 5), ("kept", 0), ("scaled-down", 0), ("late", 0)),
            ("young", 50),
        )
    ]
    lost = [
        Interruption(
            *("aws", "us-east-1", None, None, node, InterruptionKind.ANNOUNCED, at(minutes)),
            *(120.0, "aws.eventbridge", at(minutes)),
        )
        for node, minutes in (("taken", 10), ("late", 40), ("unsaid", 10))
    ]
    ended = [
        Exposure(
            *("aws", "us-east-1", "use1-az4", "g5.xlarge", node, at(-60), at(4), at(5)),
            *(EndedBy.USER, "terminated", "aws.instances"),
        )
        for node in ("scaled-down",)
    ]
    with warehouse.transaction():
        for table, frame in frames_of(warehouse, [*told, *lost, *ended]):
            warehouse.append(table, frame)

    found = fates_of_machines(warehouse, at(60), at(-60), [word], within=15 * MINUTE)

    assert found == (1, 3)
    assert fates_of_machines(warehouse, at(60), at(1), [word], within=15 * MINUTE) == (1, 1)
    assert fates_of_machines(warehouse, at(60), at(-60), ["other"], within=MINUTE) == (0, 0)
