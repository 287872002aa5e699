"""The charts of the pages, by Altair: each for a light or a dark page.

Altair and vl-convert take a second to load: this module is imported when a chart is asked for.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import vl_convert

from api.dashboard.language import Words
from api.reports.charts import LOOK

Rows = Sequence[Mapping[str, Any]]

INKS = {"light": ("#55616d", "#dfe3e8"), "dark": ("#9dabb8", "#2b3540")}
"""Of text and of lines, as in the style sheet."""
COLOURS = {
    "light": [
        "#1f6fd0",
        "#c2560f",
        "#1d8a4e",
        "#9a3fae",
        "#b5263b",
        "#6d7013",
        "#0b7f8a",
        "#5a5fc7",
    ],
    "dark": [
        "#7db0ff",
        "#ffab6b",
        "#6fd79b",
        "#df9cf0",
        "#ff9aa8",
        "#d3d66a",
        "#6bd3dd",
        "#b3b7ff",
    ],
}
"""Of series: each has a contrast of 3 and more on its page."""
WIDTH = 1_000
"""Of pictures, in pixels; with scripts a chart is as wide as its place."""


FEW = 60
"""Values of a line up to which each has its own mark."""


class Drawing:
    """Draws for one reader and theme; ``width`` is a number of pixels, or container."""

    def __init__(self, words: Words, theme: str, *, is_picture: bool) -> None:
        self._words, self._theme = words, theme
        self._ink, self._line = INKS[theme]
        self._width: Any = WIDTH if is_picture else "container"

    def specification(self, chart: Any) -> dict[str, Any]:
        """The chart in Vega-Lite, in the colours of the theme."""
        axis = {
            **LOOK["axis"],
            **dict.fromkeys(("labelColor", "titleColor"), self._ink),
            **dict.fromkeys(("gridColor", "domainColor", "tickColor"), self._line),
            "gridOpacity": 1,
            "titleFontWeight": "normal",
        }
        ink = {"labelColor": self._ink, "titleColor": self._ink}
        look = {
            **LOOK,
            # The page has the text and the table; a thousand marks would only be in the way.
            "aria": False,
            "axis": axis,
            "title": {"color": self._ink, "fontSize": 13},
            "legend": {**ink, "titleFontWeight": "normal"},
            "header": ink,
            "range": {"category": COLOURS[self._theme]},
            "font": "system-ui, sans-serif",
        }
        made: dict[str, Any] = chart.configure(**look).to_dict(validate=False)
        return made

    def prices(self, rows: Rows) -> Any:
        """Steps of ``usd`` from ``at`` on, a line for each ``series``; None breaks it."""
        t = self._words
        return (
            alt.Chart(alt.InlineData(values=list(rows)))
            .mark_line(
                interpolate="step-after", strokeWidth=1.6, invalid="break-paths-show-domains"
            )
            .encode(
                x=alt.X("at:T", title=None, scale=alt.Scale(type="utc")),
                y=alt.Y(
                    "usd:Q",
                    title=t("chart.usd"),
                    scale=alt.Scale(zero=False),
                    axis=alt.Axis(format="$.4~f"),
                ),
                color=alt.Color("series:N", title=t("chart.zone"), legend=self._legend()),
                tooltip=[
                    alt.Tooltip("series:N", title=t("chart.zone")),
                    alt.Tooltip("at:T", title=t("chart.from"), format="%Y-%m-%d %H:%M"),
                    alt.Tooltip("usd:Q", title=t("chart.usd"), format="$.4f"),
                ],
            )
            .properties(width=self._width, height=260)
        )

    def forecasts(self, rows: Rows) -> Any:
        """What was said (line, with its interval) and the share that was lost (dots)."""
        t = self._words
        base = alt.Chart(alt.InlineData(values=list(rows))).encode(
            x=alt.X("at:T", title=None, scale=alt.Scale(type="utc"))
        )
        share = alt.Axis(format="%")
        band = base.mark_area(opacity=0.18, color=self._colour(0)).encode(
            y=alt.Y("low:Q", title=t("chart.share"), axis=share), y2="high:Q"
        )
        few = len(rows) < FEW
        line = base.mark_line(color=self._colour(0), strokeWidth=1.8, point=few).encode(
            y="probability:Q"
        )
        layers = [band, line]
        if all(one["lost_share"] is None for one in rows):
            return alt.layer(*layers).properties(width=self._width, height=220)
        dots = base.mark_point(color=self._colour(1), filled=True, size=45).encode(
            y="lost_share:Q",
            tooltip=[
                alt.Tooltip("at:T", title=t("chart.issued"), format="%Y-%m-%d %H:%M"),
                alt.Tooltip("probability:Q", title=t("chart.said"), format=".1%"),
                alt.Tooltip("lost_share:Q", title=t("chart.happened"), format=".1%"),
                alt.Tooltip("watched:Q", title=t("chart.watched")),
            ],
        )
        return alt.layer(*layers, dots).properties(width=self._width, height=220)

    def reliability(self, rows: Rows, windows: Sequence[str]) -> Any:
        """Said against happened, a panel for each window."""
        t = self._words
        data = alt.InlineData(values=list(rows))
        top = max(
            [0.05, *(max(float(one["high"]), float(one["mean_probability"])) for one in rows)]
        )
        scale, axis = alt.Scale(domain=[0, top], nice=False), alt.Axis(format="%", tickCount=4)
        x = alt.X("mean_probability:Q", title=t("chart.said"), scale=scale, axis=axis)
        ideal = alt.Chart(data).mark_rule(strokeDash=[4, 4], color=self._ink).encode(
            x=alt.XDatum(0, scale=scale), x2=alt.X2Datum(top),
            y=alt.YDatum(0, scale=scale), y2=alt.Y2Datum(top),
        )  # fmt: skip
        rules = alt.Chart(data).mark_rule(color=self._colour(0), opacity=0.6).encode(
            x=x, y=alt.Y("low:Q", scale=scale), y2="high:Q"
        )  # fmt: skip
        points = alt.Chart(data).mark_line(point=True, color=self._colour(0)).encode(
            x=x, y=alt.Y("observed_share:Q", title=t("chart.happened"), scale=scale, axis=axis)
        )  # fmt: skip
        panel = alt.layer(ideal, rules, points).properties(width=185, height=185)
        return panel.facet(alt.Facet("window:N", title=None, sort=list(windows)), columns=4)

    def skill(self, rows: Rows, windows: Sequence[str]) -> Any:
        """Brier skill by window with its interval; the line at 0 is the baseline."""
        t = self._words
        base = alt.Chart(alt.InlineData(values=list(rows))).encode(
            y=alt.Y("window:N", title=None, sort=list(windows))
        )
        zero = alt.Chart(alt.InlineData(values=[{"zero": 0}])).mark_rule(
            color=self._ink, strokeDash=[4, 4]
        )
        offset = alt.YOffset("series:N")
        color = alt.Color("series:N", title=None, legend=self._legend())
        rules = base.mark_rule(strokeWidth=2).encode(
            x=alt.X("low:Q", title=t("chart.skill"), axis=alt.Axis(format="%")),
            x2="high:Q", yOffset=offset, color=color,
        )  # fmt: skip
        points = base.mark_point(filled=True, size=70).encode(
            x="middle:Q", yOffset=offset, color=color,
            tooltip=[alt.Tooltip("series:N"), alt.Tooltip("middle:Q", format=".1%")],
        )  # fmt: skip
        return alt.layer(zero.encode(x="zero:Q"), rules, points).properties(
            width=self._width, height=alt.Step(34)
        )

    def week(self, rows: Rows) -> Any:
        """Losses a day: how many were forecast, and how many came."""
        t = self._words
        return (
            alt.Chart(alt.InlineData(values=list(rows)))
            .mark_line(point=True, strokeWidth=1.8)
            .encode(
                x=alt.X(
                    "at:T",
                    title=None,
                    scale=alt.Scale(type="utc"),
                    axis=alt.Axis(format="%m-%d", tickCount="day"),
                ),
                y=alt.Y("share:Q", title=t("chart.share"), axis=alt.Axis(format="%")),
                color=alt.Color("kind:N", title=None, legend=self._legend()),
                tooltip=[alt.Tooltip("kind:N", title=None), alt.Tooltip("share:Q", format=".2%")],
            )
            .properties(width=self._width, height=220)
        )

    def translated(self, chart: Any, terms: Mapping[str, str]) -> Any:
        """A chart drawn elsewhere, with its words in the reader's language."""
        given = chart.to_dict(validate=False)
        return alt.Chart.from_dict(_translated(given, terms), validate=False)

    def _legend(self) -> Any:
        return alt.Legend(orient="top", symbolType="stroke", columns=6, labelLimit=260)

    def _colour(self, number: int) -> str:
        return COLOURS[self._theme][number]


def _translated(tree: Any, terms: Mapping[str, str]) -> Any:
    """The tree with each text that is one of the terms replaced."""
    if isinstance(tree, dict):
        return {key: _translated(value, terms) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_translated(one, terms) for one in tree]
    return terms.get(tree, tree) if isinstance(tree, str) else tree


def picture(specification: Mapping[str, Any]) -> str:
    """The chart as SVG."""
    drawn: str = vl_convert.vegalite_to_svg(dict(specification))
    return drawn
