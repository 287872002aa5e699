"""The backtest page: one file, every kind and trace, and figures that are those of the results."""

import re
from typing import Any

import numpy as np
import polars as pl

from api.reports.backtest import backtest_page, figure, verdict
from api.reports.charts import horizon_text

HORIZONS = (15, 60, 360, 1440)


def a_result(kind: str, trace: str, horizon: int, auc: float | None = 0.8123) -> dict[str, Any]:
    figures = {
        "log_loss": 0.3711,
        "brier": 0.1,
        "brier_skill": 0.17,
        "auc": auc,
        "auc_within_pool": 0.7,
        "average_precision": 0.5,
        "ece": 0.009,
        "coverage_90": 0.94,
    }
    difference = {"log_loss_difference": [-0.03, -0.02, -0.01]}
    return {
        "probe_kind": kind,
        "trace": trace,
        "horizon_minutes": horizon,
        "n": 1234,
        "base_rate": 0.181,
        "model": figures,
        "baselines": {"decayed_rate_platt": {**figures, **difference}},
    }


def predictions_of(kind: str, trace: str, rows: int = 200) -> pl.DataFrame:
    chance = np.random.default_rng(7)
    probability = chance.beta(1, 3, rows)
    return pl.concat(
        pl.DataFrame(
            {
                "probe_kind": [kind] * rows,
                "trace_id": [f"{trace}/us-east-1{'ab'[row % 2]}" for row in range(rows)],
                "zone": [f"us-east-1{'ab'[row % 2]}" for row in range(rows)],
                "instance_type": ["g4dn.xlarge"] * rows,
                "offset_s": [300.0 * row for row in range(rows)],
                "horizon_minutes": [horizon] * rows,
                "probability": probability,
                "low": probability * 0.9,
                "high": probability * 1.1,
                "outcome": (chance.random(rows) < probability).astype(np.int64),
            }
        )
        for horizon in HORIZONS
    )


def the_page() -> str:
    results = [
        a_result(kind, trace, horizon)
        for kind, trace in (("launch_probe", "t4"), ("held_instance", "v100"))
        for trace in (trace, "all")
        for horizon in HORIZONS
    ]
    predictions = pl.concat(
        [predictions_of("launch_probe", "t4"), predictions_of("held_instance", "v100")]
    )
    return backtest_page(results, predictions, "Traces of <2023>.")


def test_every_kind_and_trace_has_its_section_and_charts() -> None:
    page = the_page()

    assert re.findall(r'<h2 id="(\w+)"', page) == ["held_instance", "launch_probe"]
    assert re.findall(r'<h3 id="([\w-]+)"', page) == ["held_instance-v100", "launch_probe-t4"]
    assert page.count("<svg") == 6
    assert "0.3711" in page
    assert "0.812" in page
    assert "better" in page


def test_the_page_needs_nothing_from_elsewhere_and_runs_no_script() -> None:
    page = the_page()
    outside = re.sub(r'xmlns(:\w+)?="[^"]*"', "", page)

    assert "<script" not in page
    assert "http" not in outside
    assert "Traces of &lt;2023&gt;." in page


def test_what_cannot_be_known_is_a_dash() -> None:
    assert figure(None) == "-"
    assert figure(0.12345, 3) == "0.123"


def test_an_interval_is_read_as_better_worse_or_neither() -> None:
    assert verdict([-0.03, -0.02, -0.01]) == "better"
    assert verdict([0.01, 0.02, 0.03]) == "worse"
    assert verdict([-0.01, 0.0, 0.01]) == "no difference"
    assert verdict([None, None, None]) == "unknown"


def test_horizons_are_named_as_people_name_them() -> None:
    assert [horizon_text(one) for one in HORIZONS] == ["15 min", "1 h", "6 h", "24 h"]
