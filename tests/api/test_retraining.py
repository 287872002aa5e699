"""A model of own data takes the place of the one in use only if it proves better."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from advisor.risk.artifact import card_of, load_model, prior_model, save_model
from advisor.risk.grid import Bools
from advisor.risk.traces import Traces
from api.forecasting import model_in_use, retrained_model
from api.retraining import retrained
from api.settings import settings_from
from tests.support.ticks import ticks_of

DAYS = 24


def lives(seed: int) -> Bools:
    """Up for about two hours, down for half of one, again and again: an age that can be learned."""
    chance, steps = np.random.default_rng(seed), list[bool]()
    while len(steps) < DAYS * 288:
        steps += [True] * int(24 + chance.integers(0, 3)) + [False] * 6
    return np.array(steps[: DAYS * 288])


@pytest.fixture(scope="module")
def ticks() -> pl.DataFrame:
    """Pools unlike those of the public traces."""
    return ticks_of({f"us-east-1{zone}": lives(seed) for seed, zone in enumerate("abc")})


def test_what_is_better_on_the_days_held_out_is_adopted_and_then_stays(
    ticks: pl.DataFrame, tmp_path: Path
) -> None:
    first = retrained(Traces(ticks), prior_model()[0], np.random.default_rng(1))

    assert first.reason == "the new model is better"
    assert first.model is not None
    assert first.samples is not None
    [compared] = first.compared
    assert compared["kind"] == "launch_probe"
    assert compared["difference_high"] < 0
    again = retrained(Traces(ticks), first.model, np.random.default_rng(1))
    assert again.model is None
    assert again.reason == "the new model is not better for certain"
    settings = settings_from({"SPOTCAST_WAREHOUSE": str(tmp_path / "spotcast.duckdb")})
    assert model_in_use(settings)[1] == prior_model()[1]
    path = retrained_model(settings)
    card = card_of(first.samples, data="a test", code_version="1", name="own")
    save_model(path, first.model, card)
    assert model_in_use(settings)[1].version == load_model(path)[1].version == "own"


def test_few_losses_prove_nothing(ticks: pl.DataFrame) -> None:
    end: datetime = ticks["ts_utc"].max()  # type: ignore[assignment] # a column of times
    short = ticks.filter(pl.col("ts_utc") > end - timedelta(days=3))

    found = retrained(Traces(short), prior_model()[0], np.random.default_rng(1))

    assert found.model is None
    assert found.reason.startswith("too little was observed")
    assert retrained(Traces(), prior_model()[0], np.random.default_rng(1)).model is None
