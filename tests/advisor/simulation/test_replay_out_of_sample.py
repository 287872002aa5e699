"""Forecasts for a replay: each from what had ended, one for every point at which a pool is up."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from advisor.risk.dataset import Samples, samples_of
from advisor.risk.fitting import fit
from advisor.risk.grid import Timeline, Trace, timelines
from advisor.risk.splits import Split, ended_before, train_and_test, walk_forward
from advisor.simulation.availability import Floats
from advisor.simulation.out_of_sample import (
    SOURCES,
    Forecasted,
    Predict,
    forecasted,
    given_model,
)
from tests.support.ticks import START, random_states, ticks_of

DAY = 288
STATES = random_states(3, 5 * DAY, drop_per_hour=0.4, seed=21)


def walked(ticks: pl.DataFrame, source: str) -> Forecasted:
    """The forecasts of a folder with one timeline."""
    lines = timelines(ticks)
    (made,) = forecasted(lines, walk_forward(samples_of(lines)), SOURCES[source])
    return made


def rows_of_training(training: Samples) -> Predict:
    """A forecast that gives away how much it was fitted on."""
    known = float(training.rows)

    def predict(rows: Samples) -> Floats:
        return np.full((4, rows.rows), known)

    return predict


def test_every_point_at_which_a_pool_is_up_gets_a_forecast_after_the_first_day() -> None:
    made = walked(ticks_of(STATES), "decayed")

    live = made.line.up & made.line.known
    assert not made.asked[:DAY].any()
    np.testing.assert_array_equal(made.asked[DAY:], live[DAY:])
    for probability in made.probability:
        np.testing.assert_array_equal(~np.isnan(probability), made.asked)
    # The last point has no label at any horizon, and a forecast all the same.
    assert made.asked[-1].tolist() == live[-1].tolist()


@pytest.mark.parametrize("source", ["model", "decayed", "pool-rate"])
@pytest.mark.parametrize("cut", [2 * DAY + 100, 4 * DAY])
def test_no_forecast_changes_with_what_comes_after_it(source: str, cut: int) -> None:
    later = {
        zone: np.where(np.arange(up.size) < cut, up, ~up).astype(np.bool_)
        for zone, up in STATES.items()
    }

    before = walked(ticks_of(STATES), source).probability[:, :cut]
    after = walked(ticks_of(later), source).probability[:, :cut]

    np.testing.assert_array_equal(before, after)


def test_nothing_is_said_where_no_forecast_is_wanted() -> None:
    made = walked(ticks_of(STATES), "none")

    assert np.isnan(made.probability).all()
    np.testing.assert_array_equal(made.asked, walked(ticks_of(STATES), "decayed").asked)


def test_a_fold_is_fitted_on_what_had_ended_before_it() -> None:
    lines = timelines(ticks_of(STATES))
    rows = samples_of(lines)

    (made,) = forecasted(lines, walk_forward(rows), rows_of_training)

    begins = float(lines[0].time_s[DAY])
    assert set(made.probability[0][made.asked].tolist()) == {float(ended_before(rows, begins).rows)}


def test_a_split_of_which_nothing_is_wanted_is_not_fitted() -> None:
    late = START + timedelta(days=60)
    short = random_states(2, 50, drop_per_hour=0.4, seed=3)
    ticks = [ticks_of(short, campaign="old"), ticks_of(short, campaign="late", start=late)]
    lines = timelines(pl.concat(ticks))
    rows = samples_of(lines)
    old, new = (rows.take(rows.campaign == rows.campaigns.index(name)) for name in ("old", "late"))

    def wanted(trace: Trace, probe_kind: str) -> bool:
        return trace.campaign == "late" and probe_kind == "launch_probe"

    first, second = forecasted(lines, [Split(new, old), Split(old, new)], rows_of_training, wanted)

    assert not first.asked.any()
    assert second.asked.any()
    assert np.nanmax(second.probability) == old.rows


def halves(cut: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The same traces before and after a step."""
    ticks = ticks_of(STATES)
    step = pl.col("offset_s") / 300
    return ticks.filter(step < cut), ticks.filter(step >= cut)


def test_a_trace_that_continues_is_forecast_from_where_training_ends() -> None:
    known, later = halves(3 * DAY)
    lines = timelines(pl.concat([known, later]))

    (made,) = forecasted(lines, [train_and_test(known, later)], SOURCES["decayed"])

    assert not made.asked[: 3 * DAY].any()
    np.testing.assert_array_equal(made.asked[3 * DAY :], lines[0].up[3 * DAY :])


def test_a_model_from_elsewhere_is_asked_about_everything() -> None:
    known, later = halves(3 * DAY)
    model = fit(samples_of(timelines(known)))
    lines: list[Timeline] = timelines(later)
    rows = samples_of(lines)

    (made,) = forecasted(lines, [Split(rows, rows)], lambda _: given_model(model))

    np.testing.assert_array_equal(made.asked, lines[0].up & lines[0].known)
    risk = made.probability[:, made.asked]
    assert ((risk > 0) & (risk < 1)).all()
    assert (np.diff(risk, axis=0) >= 0).all()
