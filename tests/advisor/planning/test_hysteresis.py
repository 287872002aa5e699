"""When a type comes or goes: for a margin, after a while, and never on the word of old data."""

from datetime import timedelta

import pytest

from advisor.planning.hysteresis import Evidence, Held, Hysteresis, HysteresisError, settled
from tests.support.planning import NOW, TYPE

COSTS = {"a": 1.0, "b": 1.02, "c": 1.2, "dear": 2.0, "dark": None, "cheap": 0.5}


def settle(
    current: list[str],
    wanted: list[str],
    *,
    is_stale: bool = False,
    applied_hours_ago: float | None = None,
) -> tuple[list[str], list[Held]]:
    applied = None if applied_hours_ago is None else NOW - timedelta(hours=applied_hours_ago)
    return settled(TYPE, current, wanted, Evidence(COSTS, NOW, applied, is_stale, Hysteresis()))


def test_a_type_that_is_dearer_by_less_than_the_margin_stays_and_its_rival_waits() -> None:
    values, held = settle(["b"], ["a"])

    assert values == ["b"]
    assert held == [
        Held(
            "stays",
            TYPE,
            "b",
            "at 1.0200 USD an hour it is within 5% of 1.0000, the dearest that is wanted",
        ),
        Held(
            "waits",
            TYPE,
            "a",
            "at 1.0000 USD an hour it is not 5% cheaper than 1.0200, the dearest that stays",
        ),
    ]


def test_a_type_that_is_dearer_by_more_than_the_margin_makes_room() -> None:
    assert settle(["c"], ["a"]) == (["a"], [])


def test_a_type_comes_in_beside_one_that_it_beats_by_the_margin() -> None:
    values, held = settle(["a", "b"], ["cheap", "a"])

    assert values == ["cheap", "a", "b"]
    assert [one.value for one in held] == ["b"]


def test_a_type_that_no_longer_meets_the_demand_leaves() -> None:
    assert settle(["a", "gone"], ["a"]) == (["a"], [])


def test_a_type_of_unknown_risk_makes_room_and_comes_in_only_where_there_is_room() -> None:
    assert settle(["dark"], ["a"]) == (["a"], [])
    assert settle(["a"], ["a", "dark"]) == (["a", "dark"], [])
    values, held = settle(["a", "b"], ["a", "dark"])
    assert values == ["a", "b"]
    assert held[1] == Held("waits", TYPE, "dark", "its risk is unknown and the list is full")


def test_where_no_risk_is_known_of_the_wanted_nothing_leaves() -> None:
    values, held = settle(["a"], ["dark"])

    assert values == ["a"]
    assert [one.reason for one in held] == [
        "no risk is known of what would replace it",
        "its risk is unknown and the list is full",
    ]


def test_a_list_stands_for_its_time_before_costs_change_it() -> None:
    values, held = settle(["dear"], ["a"], applied_hours_ago=1)

    assert values == ["dear"]
    assert held[0].reason == "the list was applied 1.0 h ago and stands for at least 6 h"
    assert settle(["dear"], ["a"], applied_hours_ago=6) == (["a"], [])


def test_old_data_takes_nothing_out() -> None:
    values, held = settle(["dear", "gone"], ["a"], is_stale=True)

    assert set(values) >= {"dear", "gone"}
    assert [one.value for one in held if one.action == "stays"] == ["dear", "gone"]


def test_a_margin_or_a_stay_below_zero_is_no_hysteresis() -> None:
    with pytest.raises(HysteresisError, match="write a share from 0 to 1"):
        Hysteresis(margin_share=-0.1)
    with pytest.raises(HysteresisError, match="such as 6h"):
        Hysteresis(min_stay=timedelta(hours=-1))
