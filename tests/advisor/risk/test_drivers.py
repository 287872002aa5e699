"""Drivers: they add up, the strongest are told in words, and their size is told in odds."""

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.risk.drivers import WORDS, Drivers, Note, driver_text
from advisor.risk.evidence import Evidence, evidence_along
from advisor.risk.grid import timelines
from advisor.risk.history import record
from advisor.risk.horizons import HORIZONS_MINUTES
from tests.support.risk import STEPS, a_model
from tests.support.ticks import random_states, ticks_of


def told(drivers: Drivers) -> list[dict[str, Any]]:
    return [json.loads(text) for text in drivers.as_json().to_list()]


def names(row: dict[str, Any]) -> list[str]:
    return [one["name"] for one in row["drivers"]]


def test_the_three_strongest_shares_are_told_and_the_rest_is_one_sum() -> None:
    shares = {"rate_6h": [0.5], "age": [-2.0], "watched": [0.25], "type_up": [-0.125]}
    drivers = Drivers.of(np.array([-1.0]), {name: np.array(one) for name, one in shares.items()})

    (row,) = told(drivers)

    assert row == {
        "baseline": -1.0,
        "drivers": [
            {"name": "age", "logit": -2.0, "text": "how long it has been up"},
            {"name": "rate_6h", "logit": 0.5, "text": "losses in this pool over the last 6 hours"},
            {"name": "watched", "logit": 0.25, "text": "how long it has been watched"},
        ],
        "others": -0.125,
    }


def test_each_row_has_its_own_strongest_and_none_of_size_zero() -> None:
    shares = {"rate_6h": np.array([0.5, 0.0]), "age": np.array([1.0, 0.0])}

    first, second = told(Drivers.of(np.zeros(2), shares))

    assert names(first) == ["age", "rate_6h"]
    assert second == {"baseline": 0.0, "drivers": [], "others": 0.0}


def test_shares_are_added_and_words_may_differ_by_row() -> None:
    drivers = Drivers.of(np.zeros(2), {"age": np.array([1.0, 1.0])}).plus(
        {"age": np.array([0.5, 0.0]), "stock": np.array([0.25, 0.0])},
        words={"stock": pl.Series(["stock 0", None])},
    )

    first, second = told(drivers)

    assert [(one["logit"], one["text"]) for one in first["drivers"]] == [
        (1.5, "how long it has been up"),
        (0.25, "stock 0"),
    ]
    assert names(second) == ["age"]
    assert drivers.log_odds.tolist() == [1.75, 1.0]


def test_a_note_is_told_without_a_share() -> None:
    note = Note("stock", pl.Series([None, "stock 0 (unfitted)"]))

    first, second = told(Drivers.of(np.zeros(2), {}).plus({}, notes=[note]))

    assert first["drivers"] == []
    assert second["drivers"] == [{"name": "stock", "logit": 0.0, "text": "stock 0 (unfitted)"}]


def test_of_no_rows_nothing_is_told() -> None:
    assert told(Drivers.of(np.zeros(0), {"age": np.zeros(0)})) == []


@given(
    st.lists(
        st.lists(st.floats(-30, 30, allow_subnormal=False), min_size=2, max_size=2),
        min_size=1,
        max_size=8,
    )
)
def test_what_is_told_sums_to_the_log_odds(shares: list[list[float]]) -> None:
    columns = {f"input {place}": np.array(one) for place, one in enumerate(shares)}
    drivers = Drivers.of(np.array([-3.0, 0.5]), columns)

    totals = [
        row["baseline"] + sum(one["logit"] for one in row["drivers"]) + row["others"]
        for row in told(drivers)
    ]

    assert totals == pytest.approx(drivers.log_odds.tolist(), abs=1e-9)


@pytest.mark.parametrize(
    ("logit", "expected"),
    [
        (np.log(2.3), "losses: odds x 2.3"),
        (np.log(0.41), "losses: odds x 0.41"),
        (np.log(25.0), "losses: odds x 25"),
        (0.0, "losses"),
    ],
)
def test_the_size_of_a_driver_is_a_factor_on_the_odds(logit: float, expected: str) -> None:
    assert driver_text({"text": "losses", "logit": logit}) == expected


def evidence() -> Evidence:
    line = timelines(ticks_of(random_states(2, STEPS // 4, drop_per_hour=0.5, seed=9)))[0]
    return evidence_along(line, record(line), line.up & line.known)


def test_every_share_of_the_model_has_words() -> None:
    model, rows = a_model(), evidence()
    kind = model.priors.place(["launch_probe"])[np.zeros(rows.rows, dtype=np.int64)]
    named = {
        name
        for place in range(len(HORIZONS_MINUTES))
        for name in model.drivers(rows, kind, place)[1]
    }

    assert len(named) > 10
    assert named <= WORDS.keys(), named - WORDS.keys()
    assert not any('"' in words or "\\" in words for words in WORDS.values())
