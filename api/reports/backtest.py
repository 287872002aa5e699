"""The backtest as a page: what the model said, what happened, and what plain baselines say.

One HTML file without scripts or links to elsewhere: charts are inline SVG.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from jinja2 import Environment, PackageLoader, StrictUndefined

from api.reports.charts import horizon_text, reliability_chart, risk_over_time_chart

ALL = "all"
SHOWN_HORIZON_MINUTES = 60
"""The horizon whose forecasts are drawn over time: long enough to act on, short enough to see."""

Result = Mapping[str, Any]


def backtest_page(results: Sequence[Result], predictions: pl.DataFrame, about: str) -> str:
    """The page; ``results`` and ``predictions`` as `advisor.risk.backtest` gives them."""
    environment = Environment(
        loader=PackageLoader("api.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["horizon"] = horizon_text
    environment.filters["figure"] = figure
    environment.filters["verdict"] = verdict
    kinds = sorted({one["probe_kind"] for one in results})
    return environment.get_template("backtest.html.j2").render(
        about=about,
        kinds=[_kind(kind, results, predictions) for kind in kinds],
    )


def _kind(kind: str, results: Sequence[Result], predictions: pl.DataFrame) -> dict[str, Any]:
    own = [one for one in results if one["probe_kind"] == kind]
    rows = predictions.filter(pl.col("probe_kind") == kind)
    traces = sorted({one["trace"] for one in own if one["trace"] != ALL})
    return {
        "name": kind,
        "results": _by_horizon(own, ALL),
        "reliability": reliability_chart(rows) if rows.height else "",
        "traces": [_trace(name, own, rows) for name in traces],
    }


def _trace(name: str, own: Sequence[Result], rows: pl.DataFrame) -> dict[str, Any]:
    here = rows.filter(
        (pl.col("trace_id") == name) | pl.col("trace_id").str.starts_with(f"{name}/")
    )
    drawn = here.filter(pl.col("horizon_minutes") == SHOWN_HORIZON_MINUTES)
    return {
        "name": name,
        "results": _by_horizon(own, name),
        "reliability": reliability_chart(here) if here.height else "",
        "over_time": (
            risk_over_time_chart(drawn, f"within {horizon_text(SHOWN_HORIZON_MINUTES)}")
            if drawn.height
            else ""
        ),
    }


def _by_horizon(own: Sequence[Result], trace: str) -> list[Result]:
    same = [one for one in own if one["trace"] == trace]
    return sorted(same, key=lambda one: float(one["horizon_minutes"]))


def figure(value: float | None, digits: int = 4) -> str:
    """A number of the table; a dash for one that cannot be known (one class only, say)."""
    return "-" if value is None else f"{value:.{digits}f}"


def verdict(interval: Sequence[float | None]) -> str:
    """What the interval of model minus baseline says, in a word or two."""
    low, high = interval[0], interval[-1]
    if low is None or high is None:
        return "unknown"
    if high < 0:
        return "better"
    return "worse" if low > 0 else "no difference"
