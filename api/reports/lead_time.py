"""A start as a waterfall: each part after the other, up to what must be foreseen."""

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt

from advisor.lead_time import Part
from advisor.lead_time_choices import ASKED, Choice
from api.reports.charts import GREY, svg

MINUTE = 60.0

PART, LATE, SAVED, LEFT = "part of the start", "late and drain", "notice", "to be foreseen"
COLOURS = {PART: "#2f7ed8", LATE: "#d9702b", SAVED: "#2ca25f", LEFT: GREY}
"""Of the kinds of steps; each has enough contrast on white and on near-black."""

UNCERTAIN, DRAIN, NOTICE, FORESEEN = "until p95", "drain", "notice", "to be foreseen"
STEP_HEIGHT, BAR_HEIGHT, WIDTH = 17, 11, 250
"""In pixels."""
ROOM = 1.25
"""The axis over the longest bar, so that its words have a place."""

Rows = Sequence[dict[str, Any]]


def lead_time_chart(found: Sequence[Choice]) -> str:
    """The start as asked for each cloud, and below it what each acceleration leaves to foresee."""
    return svg(lead_time_drawing(found))


def lead_time_drawing(found: Sequence[Choice]) -> Any:
    """The same, not drawn yet."""
    asked = [one for one in found if one.name == ASKED]
    steps = [step for one in asked for step in _steps(one)]
    left = [
        {
            "cloud": one.start.provider,
            "start": one.name,
            "minutes": one.lead.horizon.total_seconds() / MINUTE,
            "label": _minutes(one.lead.horizon.total_seconds()),
        }
        for one in found
    ]
    longest = max(float(step["end"]) for step in steps)
    return alt.vconcat(
        _waterfall(steps, longest), _remaining(left, longest), spacing=30
    ).resolve_scale(color="independent")


def _steps(one: Choice) -> Iterator[dict[str, Any]]:
    """One bar for each step, from where the last one ended.

    A part's bar is its median. A prefetch runs beside boot and image: only what it lasts longer
    moves the end. What the p95 is above the medians' sum, rare or late, is a step of its own.
    """
    at = fetched = 0.0
    for term in one.estimate.terms:
        seconds = term.spread.p50_seconds
        if term.part is Part.PREFETCH:
            fetched = seconds
            yield _step(one, f"{term.part} (beside)", 0.0, fetched, PART)
            at = max(at, fetched)
            continue
        yield _step(one, term.part, at, at + seconds, PART)
        at += seconds
    drain = one.lead.drain.total_seconds()
    end = one.p95_seconds + drain
    yield _step(one, UNCERTAIN, at, one.p95_seconds, LATE)
    yield _step(one, DRAIN, one.p95_seconds, end, LATE)
    horizon = one.lead.horizon.total_seconds()
    yield _step(one, NOTICE, end, max(0.0, end - one.lead.notice.total_seconds()), SAVED)
    yield _step(one, FORESEEN, 0.0, horizon, LEFT)


def _step(one: Choice, name: str, since: float, until: float, kind: str) -> dict[str, Any]:
    return {
        "cloud": one.start.provider,
        "step": name,
        "since": since / MINUTE,
        "until": until / MINUTE,
        "end": max(since, until) / MINUTE,
        "kind": kind,
        "label": _minutes(until - since),
    }


def _minutes(seconds: float) -> str:
    """``2.2 min``, ``-30 s``."""
    if abs(seconds) < 2 * MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / MINUTE:.1f} min"


def _waterfall(steps: Rows, longest: float) -> Any:
    order = list(dict.fromkeys(step["step"] for step in steps))
    base = alt.Chart(alt.InlineData(values=list(steps))).encode(
        y=alt.Y("step:N", sort=order, title=None)
    )
    bars = base.mark_bar(height=BAR_HEIGHT).encode(
        x=alt.X("since:Q", title="minutes since the machine was asked for", scale=_scale(longest)),
        x2="until:Q",
        color=alt.Color(
            "kind:N",
            title=None,
            scale=alt.Scale(domain=list(COLOURS), range=list(COLOURS.values())),
            legend=alt.Legend(orient="top"),
        ),
    )
    words = _words(base).encode(x=alt.X("end:Q", scale=_scale(longest)))
    return _by_cloud(alt.layer(bars, words), steps)


def _remaining(left: Rows, longest: float) -> Any:
    base = alt.Chart(alt.InlineData(values=list(left))).encode(
        y=alt.Y("start:N", sort=None, title=None),
        x=alt.X("minutes:Q", title="minutes to be foreseen", scale=_scale(longest)),
    )
    bars = base.mark_bar(height=BAR_HEIGHT, color=GREY)
    panels = _by_cloud(alt.layer(bars, _words(base)), left)
    # Not every cloud has every way: each has its own rows.
    return panels.resolve_scale(y="independent")


def _scale(longest: float) -> Any:
    return alt.Scale(domain=[0, ROOM * longest])


def _words(base: Any) -> Any:
    return base.mark_text(align="left", dx=4, color=GREY, fontSize=10).encode(text="label:N")


def _by_cloud(layers: Any, rows: Rows) -> Any:
    clouds = list(dict.fromkeys(row["cloud"] for row in rows))
    panel = layers.properties(width=WIDTH, height=alt.Step(STEP_HEIGHT))
    return panel.facet(alt.Facet("cloud:N", title=None, sort=clouds), columns=2)
