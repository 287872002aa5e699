"""Loops that rest where somebody is unhurried, and nowhere else."""

import itertools

import pytest

from warehouse.pace import LOOKED_EVERY, WORK_SECONDS, paced, unhurried


@pytest.fixture
def rests(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The rests that were taken, seconds each."""
    taken: list[float] = []
    monkeypatch.setattr("warehouse.pace.time.sleep", taken.append)
    return taken


def test_whoever_is_in_a_hurry_gets_the_items_without_a_rest(rests: list[float]) -> None:
    assert list(paced(range(3 * LOOKED_EVERY))) == list(range(3 * LOOKED_EVERY))
    assert rests == []


def test_a_rest_comes_after_each_spell_of_work_and_no_item_is_lost(
    rests: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each look at the clock finds that two thirds of a spell are over.
    looks = itertools.count()
    monkeypatch.setattr(
        "warehouse.pace.time.perf_counter", lambda: next(looks) * WORK_SECONDS * 2 / 3
    )
    with unhurried(0.5):
        assert list(paced(range(4 * LOOKED_EVERY))) == list(range(4 * LOOKED_EVERY))
    assert rests == [0.5, 0.5]
    assert list(paced(range(4 * LOOKED_EVERY))) == list(range(4 * LOOKED_EVERY))
    assert len(rests) == 2
