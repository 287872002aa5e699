"""Simulated markets, made once for all tests that only read them."""

from datetime import UTC, datetime

import numpy as np
import pytest

from advisor.simulation import Market, MarketSettings, simulate


@pytest.fixture(scope="session")
def now() -> datetime:
    """An odd minute, so that nothing falls on a full hour by accident."""
    return datetime(2026, 11, 23, 18, 7, tzinfo=UTC)


@pytest.fixture(scope="session")
def market(now: datetime) -> Market:
    """The market of the default settings."""
    return simulate(MarketSettings(), now=now, rng=np.random.default_rng(20261123))


@pytest.fixture(scope="session")
def small(now: datetime) -> Market:
    """Three days of one AWS and one Alibaba region, two families each."""
    settings = MarketSettings(
        days=3,
        regions=("us-east-1", "cn-beijing"),
        families=("g5", "p3", "ecs.gn7i", "ecs.g7"),
    )
    return simulate(settings, now=now, rng=np.random.default_rng(7))
