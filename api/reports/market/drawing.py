"""The charts of a market report, from the figures that the document holds.

Colours are those of `api.reports.charts.LOOK`; the page's style sheet replaces each of them by one
that suits its light or dark ground, so that the same SVG reads well on both and in print.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any
from zlib import crc32

import altair as alt

from api.reports.charts import GREY, LOOK, reliability_of_bins, svg
from api.reports.market.document import Chart, Drawing

CLIP = re.compile(r"\bclip\d+\b")

WIDTH = 700
PADDING = {"left": 48, "top": 4, "right": 24, "bottom": 4}
"""Room for who reads with a wider font than the one that labels were measured by."""

STEP = 17
"""Pixels for each bar or line of text."""

BLUE, ORANGE, GREEN, *_ = LOOK["range"]["category"]
NAMES = alt.Axis(labelLimit=280, ticks=False, domain=False, grid=False)
PERCENT = alt.Axis(format="%")


def drawn(chart: Chart) -> str:
    """The chart as an SVG element."""
    return _own_ids(DRAWN[chart.drawing](chart), f"{crc32(chart.caption.encode()):08x}")


def _own_ids(drawn: str, prefix: str) -> str:
    """The SVG with names of its clips that depend on nothing else.

    The library counts them from when the process began: the same report had other bytes each time.
    """
    found = dict.fromkeys(CLIP.findall(drawn))
    names = {name: f"clip-{prefix}-{number}" for number, name in enumerate(found)}
    return CLIP.sub(lambda match: names[match[0]], drawn)


def _svg(chart: Any) -> str:
    return svg(chart.properties(padding=PADDING))


def _data(chart: Chart) -> Any:
    return alt.InlineData(values=[dict(one) for one in chart.rows])


def _changes(chart: Chart) -> str:
    sign = alt.condition("datum.change_share > 0", alt.value(ORANGE), alt.value(GREEN))
    bars = (
        alt.Chart(_data(chart))
        .mark_bar(height=STEP - 6, cornerRadius=2)
        .encode(
            x=alt.X("change_share:Q", title="change of price", axis=alt.Axis(format="+%")),
            y=alt.Y("place:N", title=None, sort=_order(chart), axis=NAMES),
            color=sign,
        )
    )
    return _svg(bars.properties(width=WIDTH, height=alt.Step(STEP)))


def _savings(chart: Chart) -> str:
    base = alt.Chart(_data(chart)).encode(
        y=alt.Y("place:N", title=None, sort=_order(chart), axis=NAMES)
    )
    usd = "USD per hour, log scale: spot, and on-demand (ring)"
    scale = alt.Scale(type="log", nice=True)
    spot = alt.X("usd_per_hour:Q", scale=scale, axis=alt.Axis(format="~g"), title=usd)
    listed = alt.X("on_demand_usd_per_hour:Q", scale=scale, title=usd)
    lines = base.mark_rule(color=GREY, opacity=0.6).encode(x=spot, x2="on_demand_usd_per_hour:Q")
    rings = base.mark_point(color=GREY, size=55, filled=False).encode(x=listed)
    dots = base.mark_point(color=BLUE, size=65, filled=True, opacity=1).encode(x=spot)
    return _svg(alt.layer(lines, rings, dots).properties(width=WIDTH, height=alt.Step(STEP)))


def _risks(chart: Chart) -> str:
    base = alt.Chart(_data(chart)).encode(
        y=alt.Y("place:N", title=None, sort=_order(chart), axis=NAMES)
    )
    scale = alt.Scale(domain=[0, 1])
    title = "chance of interruption within 24 h"
    low = alt.X("low:Q", scale=scale, title=title, axis=PERCENT)
    ranges = base.mark_rule(color=GREY, strokeWidth=3, opacity=0.45).encode(x=low, x2="high:Q")
    dots = base.mark_point(color=BLUE, size=60, filled=True, opacity=1).encode(
        x=alt.X("probability:Q", scale=scale, title=title, axis=PERCENT)
    )
    return _svg(alt.layer(ranges, dots).properties(width=WIDTH, height=alt.Step(STEP)))


def _levels(chart: Chart) -> str:
    lines = (
        alt.Chart(_data(chart))
        .mark_line(point=True, strokeWidth=2)
        .encode(
            x=alt.X("day:O", title=None, axis=alt.Axis(labelAngle=0, grid=False)),
            y=alt.Y("level:Q", title="price level", scale=alt.Scale(zero=False, padding=12)),
            color=alt.Color("provider:N", title=None, legend=alt.Legend(orient="top")),
        )
    )
    return _svg(lines.properties(width=WIDTH + 180, height=170))


def _regrets(chart: Chart) -> str:
    bars = (
        alt.Chart(_data(chart))
        .mark_bar(height=STEP - 6, cornerRadius=2, color=BLUE)
        .encode(
            x=alt.X("regret_usd_per_hour:Q", title="mean regret, USD per hour"),
            y=alt.Y("gpu:N", title=None, sort=_order(chart, "gpu"), axis=NAMES),
        )
    )
    return _svg(bars.properties(width=WIDTH, height=alt.Step(STEP)))


def _reliability(chart: Chart) -> str:
    return reliability_of_bins(chart.rows)


def _order(chart: Chart, field: str = "place") -> list[Any]:
    return list(dict.fromkeys(one[field] for one in chart.rows))


DRAWN: Mapping[Drawing, Callable[[Chart], str]] = {
    Drawing.CHANGES: _changes,
    Drawing.SAVINGS: _savings,
    Drawing.RISKS: _risks,
    Drawing.LEVELS: _levels,
    Drawing.REGRETS: _regrets,
    Drawing.RELIABILITY: _reliability,
}
