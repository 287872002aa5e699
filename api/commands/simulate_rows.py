"""What a replay came to, as rows and columns of an answer."""

import math
from collections.abc import Sequence
from typing import Any

from advisor.simulation.decision_value import (
    SERVING_COMPARED,
    SERVING_REFERENCES,
    TRAINING_COMPARED,
    TRAINING_REFERENCES,
    WASTE,
    Interval,
    Value,
)
from advisor.simulation.outcomes import SERVING_MEASURES, TRAINING_MEASURES
from api.commands.simulate_options import Job
from api.output import Column

COMPARISONS = {
    Job.SERVING: (SERVING_REFERENCES, SERVING_COMPARED),
    Job.TRAINING: (TRAINING_REFERENCES, TRAINING_COMPARED),
}
MEASURES = {
    Job.SERVING: SERVING_MEASURES,
    Job.TRAINING: (*TRAINING_MEASURES, WASTE),
}


UNKNOWN: Interval = (math.nan, math.nan, math.nan)


def difference_name(measure: str, reference: str) -> str:
    """The field of a difference: ``cost_vs_static_n_plus_2``."""
    return f"{measure}_vs_{reference.replace('-', '_').replace('+', '_plus_')}"


def row_of(value: Value, kind: Job) -> dict[str, Any]:
    """One policy as the data formats have it; null is unknown or does not apply."""
    references, compared = COMPARISONS[kind]
    row: dict[str, Any] = {
        "campaign": value.campaign,
        "probe_kind": value.probe_kind,
        "days": value.days,
        "policy": value.policy,
        "target": value.target,
        **{f"{name}_per_day": value.per_day[name] for name in MEASURES[kind]},
    }
    for reference in references:
        for measure in compared:
            name = difference_name(measure, reference)
            low, middle, high = _known(value, reference, measure)
            row |= {name: middle, f"{name}_low": low, f"{name}_high": high}
    return row


def table_row(value: Value, kind: Job) -> dict[str, Any]:
    """The same for a table: a difference and its interval are one text."""
    references, compared = COMPARISONS[kind]
    row = row_of(value, kind)
    row["target"] = "-" if value.target is None else f"{value.target:g}"
    for reference in references:
        for measure in compared:
            text = _text(_known(value, reference, measure))
            row[difference_name(measure, reference)] = "-" if reference == value.policy else text
    return row


def _known(value: Value, reference: str, measure: str) -> tuple[float | None, ...]:
    """A difference with nan as null; of a policy to itself there is none."""
    interval = value.against.get(reference, {}).get(measure, UNKNOWN)
    return tuple(None if math.isnan(one) else one for one in interval)


def _text(interval: Sequence[float | None]) -> str | None:
    low, middle, high = interval
    if middle is None:
        return None
    if low is None or high is None:
        return f"{middle:+.1%}"
    return f"{middle:+.1%} [{low:+.1%}, {high:+.1%}]"


def _number(field: str, heading: str, *, is_wide: bool = False) -> Column:
    return Column(f"{field}_per_day", heading, "{:.1f}".format, is_right=True, is_wide=is_wide)


def _difference(measure: str, reference: str, heading: str, *, is_wide: bool = False) -> Column:
    return Column(difference_name(measure, reference), heading, is_right=True, is_wide=is_wide)


FIRST = (
    Column("campaign", "CAMPAIGN"),
    Column("probe_kind", "PROBE", is_wide=True),
    Column("days", "DAYS", "{:.1f}".format, is_right=True, is_wide=True),
    Column("policy", "POLICY"),
)
LAST = (
    _number("losses", "LOSSES", is_wide=True),
    _number("hand_overs", "HAND-OVERS"),
    _number("false_alarms", "FALSE ALARMS"),
)
COLUMNS = {
    Job.SERVING: (
        *FIRST,
        Column("target", "TARGET", is_right=True),
        _number("uncovered_minutes", "UNCOVERED MIN"),
        _number("cost", "COST"),
        _number("spot_hours", "SPOT H", is_wide=True),
        _number("on_demand_hours", "ON-DEMAND H", is_wide=True),
        *LAST,
        _difference("cost", "static-n+2", "COST VS N+2"),
        _difference("uncovered_minutes", "static-n+2", "UNCOVERED VS N+2"),
        _difference("cost", "static-n+1", "COST VS N+1", is_wide=True),
        _difference("uncovered_minutes", "static-n+1", "UNCOVERED VS N+1", is_wide=True),
    ),
    Job.TRAINING: (
        *FIRST,
        Column("useful_hours_per_day", "USEFUL H", "{:.2f}".format, is_right=True),
        Column("lost_hours_per_day", "LOST WORK H", "{:.2f}".format, is_right=True),
        Column("overhead_hours_per_day", "OVERHEAD H", "{:.2f}".format, is_right=True),
        Column("waiting_hours_per_day", "WAITING H", "{:.2f}".format, is_right=True),
        _number("cost", "COST"),
        *LAST,
        _difference(WASTE, "reactive", "WASTE VS REACTIVE"),
        _difference("useful_hours", "reactive", "USEFUL VS REACTIVE", is_wide=True),
    ),
}
"""All figures are per day; cost is in spot machine-hours."""
