"""Loops that rest where somebody is unhurried, and nowhere else."""

import pytest

from warehouse.pace import PIECE, paced, unhurried


@pytest.fixture
def rests(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The rests that were taken, seconds each."""
    taken: list[float] = []
    monkeypatch.setattr("warehouse.pace.time.sleep", taken.append)
    return taken


def test_whoever_is_in_a_hurry_gets_the_items_without_a_rest(rests: list[float]) -> None:
    assert list(paced(range(3 * PIECE))) == list(range(3 * PIECE))
    assert rests == []


def test_there_is_one_rest_for_each_piece_and_no_item_is_lost(rests: list[float]) -> None:
    with unhurried(0.5):
        assert list(paced(range(2 * PIECE + 1))) == list(range(2 * PIECE + 1))
    assert rests == [0.5, 0.5, 0.5]
    assert list(paced(range(PIECE))) == list(range(PIECE))
    assert len(rests) == 3
