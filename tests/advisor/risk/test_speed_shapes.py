"""Fast paths give what slow plain ones do: blocks of rows, many kinds at once, less memory."""

from dataclasses import replace

import numpy as np
import pytest

from advisor.risk.dataset import Samples, samples
from advisor.risk.evidence import Evidence
from advisor.risk.features import AGE_LOGIT, age_logit, features
from advisor.risk.fitting import fit
from advisor.risk.grid import Bools, Floats, Integers
from advisor.risk.hazard import RiskModel
from advisor.risk.history import AGED_HALF_LIVES, HALF_LIVES_H, History
from advisor.risk.horizons import HORIZONS_H
from advisor.risk.logistic import linear
from advisor.risk.regression import BLOCK_ROWS, Regression, Residual, blocks
from advisor.risk.threads import one_thread
from tests.support.ticks import random_states, ticks_of

CLOSE = 1e-12


@pytest.fixture(scope="module")
def rows() -> Samples:
    """A week of six zones of two kinds, more rows than one block has."""
    wild = random_states(6, 12 * 24 * 7, drop_per_hour=0.6, seed=11)
    probes = samples(ticks_of(wild))
    mixed = replace(probes, kinds=("held_instance", "launch_probe"), kind=probes.pool % 2)
    assert mixed.rows > BLOCK_ROWS
    return mixed


@pytest.fixture(scope="module")
def model(rows: Samples) -> RiskModel:
    """A model of all rows."""
    return fit(rows)


def plain_residual(residual: Residual, inputs: dict[str, float]) -> tuple[float, float]:
    """What the pieces add for one row, and the variance of that, piece by piece."""
    column = [1.0]
    for piece in residual.pieces:
        value = min(max(inputs[piece.feature], piece.low), piece.high)
        over = value if piece.knot is None else max(value - piece.knot, 0.0)
        column.append((over - piece.mean) / piece.sd)
    one = np.array(column)
    return float(one @ residual.coefficient), float(one @ residual.covariance @ one)


def plain_logit(one: Regression, inputs: dict[str, float], gate: float) -> tuple[float, float]:
    """The log odds and variance of one row, by the formula in `Regression`."""
    core = np.array([1.0, *(inputs[name] for name in one.core)])
    value = float(core @ one.core_coefficient)
    variance = float(core @ one.core_covariance @ core)
    for residual, share in ((one.bends, 1.0), (one.local, gate)):
        if residual is not None:
            more, spread = plain_residual(residual, inputs)
            value, variance = value + share * more, variance + share**2 * spread
    return value, variance


def inputs_of(model: RiskModel, rows: Samples, place: int) -> dict[str, Floats]:
    """All inputs of a horizon."""
    made = features(rows.evidence, rows.kind, model.priors)
    made[AGE_LOGIT] = age_logit(rows.evidence, rows.kind, model.priors, HORIZONS_H[place])
    return made


@pytest.mark.parametrize("place", [0, 3])
def test_log_odds_in_blocks_are_those_row_by_row(
    rows: Samples, model: RiskModel, place: int
) -> None:
    regression, inputs = model.regressions[place], inputs_of(model, rows, place)
    familiar: Bools = rows.pool % 3 == 0
    gate = regression.gate(familiar)

    value, variance = regression.logit(inputs, familiar)

    for row in (0, 1, 17, BLOCK_ROWS - 1, BLOCK_ROWS, rows.rows - 1):
        one = {name: float(column[row]) for name, column in inputs.items()}
        plain = plain_logit(regression, one, float(gate[row]))
        assert (value[row], variance[row]) == pytest.approx(plain, abs=CLOSE)


def test_inputs_at_hand_give_the_same_forecast(rows: Samples, model: RiskModel) -> None:
    inputs = features(rows.evidence, rows.kind, model.priors)

    given = model.forecast(rows.evidence, rows.kind, inputs=inputs)
    made = model.forecast(rows.evidence, rows.kind)

    assert np.array_equal(given.probability, made.probability)
    assert np.array_equal(given.low, made.low)
    assert np.array_equal(given.high, made.high)


def test_a_fit_that_keeps_nothing_in_memory_is_the_same(rows: Samples, model: RiskModel) -> None:
    sparing = fit(rows, most_kept_rows=0)

    for one, other in zip(model.regressions, sparing.regressions, strict=True):
        assert other.core_coefficient == pytest.approx(one.core_coefficient, abs=CLOSE)
        assert other.core_mean == pytest.approx(one.core_mean, abs=CLOSE)
        assert other.elsewhere == one.elsewhere
        for left, right in ((one.bends, other.bends), (one.local, other.local)):
            assert (left is None) == (right is None)
            if left is not None and right is not None:
                assert left.pieces == right.pieces
                assert right.coefficient == pytest.approx(left.coefficient, abs=CLOSE)


def test_many_kinds_at_once_are_as_each_by_itself(rows: Samples, model: RiskModel) -> None:
    priors, evidence = model.priors, rows.evidence
    kind: Integers = np.arange(rows.rows) % 3 - 1

    risk = priors.risk_by_age(evidence, kind, 1.0)
    expected = priors.expected_drops(evidence.history.aged_hours[0], kind)

    for place in (-1, 0, 1):
        chosen = kind == place
        alone: Evidence = evidence.take(chosen)
        assert np.array_equal(risk[chosen], priors.risk_by_age(alone, kind[chosen], 1.0))
        curve = (*priors.curves, priors.curve)[place]
        plain = curve.hazard_per_hour @ evidence.history.aged_hours[0][:, chosen]
        assert expected[chosen] == pytest.approx(plain, abs=CLOSE)


def test_counts_fade_by_half_in_their_half_life_and_not_at_all_forever() -> None:
    history, yes = History.empty((1,)), np.ones(1, dtype=np.bool_)
    for _ in range(13):
        history.advance(yes, yes)
    before = history.aged_hours.copy(), history.up_hours.copy()
    for _ in range(12 * 24):
        history.advance(~yes, ~yes)

    for place, life in enumerate(AGED_HALF_LIVES):
        left = 0.5 ** (24 / HALF_LIVES_H[life])
        assert history.aged_hours[place] == pytest.approx(left * before[0][place])
    for life, hours in enumerate(HALF_LIVES_H):
        assert history.up_hours[life] == pytest.approx(0.5 ** (24 / hours) * before[1][life])
    assert before[0][1].sum() == pytest.approx(1.0)


def test_the_variance_of_a_row_is_its_quadratic_form() -> None:
    chance = np.random.default_rng(2)
    design, half = chance.normal(size=(7, 3)), chance.normal(size=(3, 3))

    value, variance = linear(design, np.array([1.0, 2.0, 3.0]), half @ half.T)

    assert value == pytest.approx(design @ [1.0, 2.0, 3.0])
    assert variance == pytest.approx([row @ half @ half.T @ row for row in design])


def test_blocks_cover_every_row_once() -> None:
    for size in (0, 1, BLOCK_ROWS, 2 * BLOCK_ROWS + 1):
        covered = [row for block in blocks(size) for row in range(block.start, block.stop)]
        assert covered == list(range(size))


def test_one_thread_leaves_results_and_errors_as_they_are() -> None:
    @one_thread()
    def inverse(of: float) -> float:
        return 1 / of

    assert inverse(4) == 0.25
    with pytest.raises(ZeroDivisionError):
        inverse(0)
