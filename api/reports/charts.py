"""Altair, hidden here: charts as inline SVG that read well on a light and on a dark page."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import polars as pl
import vl_convert

from advisor.risk import metrics

GREY = "#7f8790"
"""Text and axes: enough contrast (3:1 and more) on white and on near-black."""

POINTS_PER_LINE = 400
"""Most points of a line over time; more cannot be told apart at this width."""

LOOK: dict[str, Any] = {
    "background": "transparent",
    "axis": {
        "labelColor": GREY,
        "titleColor": GREY,
        "gridColor": GREY,
        "gridOpacity": 0.25,
        "domainColor": GREY,
        "tickColor": GREY,
    },
    "title": {"color": GREY, "fontSize": 13},
    "legend": {"labelColor": GREY, "titleColor": GREY},
    "header": {"labelColor": GREY, "titleColor": GREY},
    "view": {"stroke": None},
    "range": {"category": ["#2f7ed8", "#d9702b", "#2ca25f", "#b04fc0", "#c23b4e", "#888c2f"]},
}


def reliability_chart(rows: pl.DataFrame) -> str:
    """Said against observed shares, one panel per horizon, with 95 % Wilson intervals.

    ``rows`` has ``horizon_minutes``, ``probability`` and ``outcome``.
    """
    bins = [
        {"horizon_minutes": horizon, **one._asdict()}
        for horizon, group in sorted(_groups(rows, "horizon_minutes").items())
        for one in metrics.reliability(
            group["outcome"].to_numpy().astype(float), group["probability"].to_numpy()
        )
    ]
    return reliability_of_bins(bins)


def reliability_of_bins(bins: Sequence[Mapping[str, Any]]) -> str:
    """The same of bins: the fields of `metrics.ReliabilityBin` and ``horizon_minutes``."""
    order = [horizon_text(one) for one in sorted({float(one["horizon_minutes"]) for one in bins})]
    named = [{"horizon": horizon_text(one["horizon_minutes"]), **one} for one in bins]
    data = alt.InlineData(values=named)
    share = alt.Scale(domain=[0, 1])
    x = alt.X("mean_probability:Q", title="said", scale=share, axis=alt.Axis(format="%"))
    y = alt.Y("observed_share:Q", title="happened", scale=share, axis=alt.Axis(format="%"))
    ideal = alt.Chart(data).mark_line(strokeDash=[4, 4], color=GREY).encode(
        alt.X("ideal:Q"), alt.Y("ideal:Q")
    ).transform_calculate(ideal="datum.mean_probability")  # fmt: skip
    points = alt.Chart(data).mark_line(point=True).encode(x=x, y=y)
    ranges = (
        alt.Chart(data).mark_rule().encode(x=x, y=alt.Y("low:Q", title="happened"), y2="high:Q")
    )
    panel = alt.layer(ideal, ranges, points).properties(width=170, height=170)
    return svg(panel.facet(alt.Facet("horizon:N", title=None, sort=order), columns=4))


def risk_over_time_chart(rows: pl.DataFrame, title: str) -> str:
    """The forecast of each zone over a trace's days; dots are what came of it, averaged.

    ``rows`` has ``zone``, ``instance_type``, ``offset_s``, ``probability`` and ``outcome``, of
    one horizon.
    """
    width = max(float(str(rows["offset_s"].max())) / POINTS_PER_LINE, 1.0)
    lines = (
        rows.with_columns(
            pool=pl.concat_str("zone", "instance_type", separator=" "),
            day=(pl.col("offset_s") / width).floor() * width / 86_400,
        )
        .group_by("pool", "day")
        .agg(pl.col("probability", "outcome").mean())
        .sort("pool", "day")
    )
    data = alt.InlineData(values=lines.to_dicts())
    day = alt.X("day:Q", title="day of the trace")
    scale = alt.Scale(domain=[0, 1])
    line = alt.Chart(data).mark_line(strokeWidth=1.2).encode(
        day, alt.Y("probability:Q", title="P(interrupted)", scale=scale, axis=alt.Axis(format="%"))
    )  # fmt: skip
    dots = (
        alt.Chart(data)
        .mark_circle(size=7, opacity=0.35, color=GREY)
        .encode(x=day, y=alt.Y("outcome:Q"))
    )
    panel = alt.layer(dots, line).properties(width=760, height=70)
    return svg(panel.facet(row=alt.Row("pool:N", title=title)))


def horizon_text(minutes: float) -> str:
    """``15 min``, ``1 h``, ``24 h``."""
    return f"{minutes:g} min" if minutes < 60 else f"{minutes / 60:g} h"  # noqa: PLR2004 - an hour


def svg(chart: Any) -> str:
    """The chart as an SVG element."""
    spec = chart.configure(**LOOK).to_dict(validate=False)
    drawn: str = vl_convert.vegalite_to_svg(spec)
    return drawn


def _groups(rows: pl.DataFrame, column: str) -> dict[float, pl.DataFrame]:
    return {key[0]: group for key, group in rows.partition_by(column, as_dict=True).items()}
