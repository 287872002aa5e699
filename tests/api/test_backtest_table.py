"""Which baseline the table of a backtest sets beside the model."""

from typing import Any

from api.commands.backtest import best_baseline


def of(log_loss: float | None, difference: float | None) -> dict[str, Any]:
    return {"log_loss": log_loss, "log_loss_difference": [None, difference, None]}


def test_the_best_baseline_has_the_least_log_loss() -> None:
    found = best_baseline(
        {"log_loss": 0.4}, {"pool_constant": of(0.6, -0.2), "core": of(0.41, -0.01)}
    )

    assert found == "core"


def test_silent_partial_and_clairvoyant_baselines_are_not_compared() -> None:
    baselines = {
        "pool_constant": of(0.6, -0.2),
        "published_band": of(None, None),
        "price_change": of(0.1, 0.02),
        "rebalance_simulated": of(0.2, 0.2),
    }

    assert best_baseline({"log_loss": 0.4}, baselines) == "pool_constant"
