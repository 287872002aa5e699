"""The rules as Prometheus takes them: over the figures that ``/metrics`` exports.

Prometheus has the figures of one server and its own history of them, not the database, so a rule
over figures is the nearest that can be said with them. Rules without such a figure ask for what
the server itself found, which needs its alerts to be on.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from api.alerts.judging import SILENT_AFTER
from api.alerts.rules import HEADINGS, about, alert_name
from api.config.alerts import AlertsSection, PoolRuleSection, RuleSection

GROUP = "spotcast"

LABELLED = (
    '{{ range $name, $label := $labels }}{{ if ne $name "__name__" }}'
    "{{ $name }}={{ $label }} {{ end }}{{ end }}"
    'value={{ printf "%.6g" $value }}'
)
"""What a message says of one alert: its labels, and the figure that the rule compares. A figure
that is compared as it is keeps its name among the labels."""

SPOT, LISTED = 'capacity_type="spot"', 'capacity_type="on-demand"'

FIRST_LOOK_MINUTES = 2
"""A server that was away has not looked for as long; it looks within a minute of its start."""


def rule_file(section: AlertsSection) -> dict[str, Any]:
    """A rule file with every rule that is on."""
    said = [_said(name, one, section) for name, one in section.rules.items() if one.enabled]
    # A rule whose every comparison is off asks nothing.
    rules = [one for one in said if one["expr"]]
    return {"groups": [{"name": GROUP, "rules": [*rules, _silent()]}]}


def operator_rule(section: AlertsSection) -> dict[str, Any]:
    """The same as an object of the Prometheus operator."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": GROUP},
        "spec": rule_file(section),
    }


def _said(name: str, one: RuleSection, section: AlertsSection) -> dict[str, Any]:
    if name not in EXPRESSIONS:
        # The server has waited already, and goes on firing until it is well for long enough.
        return _rule(name, one, f'spotcast_alerts{{rule="{name}",state="firing"}} > 0', 0, 0)
    wait = one.for_minutes
    if name == "replacement_stuck":
        wait = section.replacement_stuck.max_minutes
    return _rule(name, one, EXPRESSIONS[name](section), wait, section.recover_minutes)


def _rule(
    name: str, one: RuleSection, expression: str, wait: float, recover: float
) -> dict[str, Any]:
    rule: dict[str, Any] = {"alert": alert_name(name), "expr": expression}
    if wait:
        rule["for"] = _duration(wait)
    if recover:
        rule["keep_firing_for"] = _duration(recover)
    rule["labels"] = {"severity": one.severity}
    rule["annotations"] = {
        "summary": HEADINGS[name],
        "description": f"{about(one)} {LABELLED}",
    }
    return rule


def _silent() -> dict[str, Any]:
    return {
        "alert": alert_name("alerts_silent"),
        "expr": f"spotcast_alerts_look_age_seconds > {SILENT_AFTER.total_seconds():g}",
        "for": _duration(FIRST_LOOK_MINUTES),
        "labels": {"severity": "critical"},
        "annotations": {
            "summary": "Spotcast's own alerts are silent",
            "description": "The server has not judged its rules for {{ $value }} s.",
        },
    }


def _duration(minutes: float) -> str:
    return f"{round(60 * minutes)}s"


def _risk(section: AlertsSection) -> str:
    rule = section.risk
    chosen = _chosen(rule, 'basis="forecast"')
    hours = rule.lead_time_minutes / 60
    hazard = f"spotcast_offering_hazard_per_hour{chosen}"
    return f"1 - exp(-{hours:g} * {hazard}) > {rule.probability:g}"


def _price(section: AlertsSection) -> str:
    """One expression of both comparisons: two alerts of one name are none the wiser.

    ``group_left`` keeps the labels of the spot price, which both must have for that.
    """
    rule, name = section.price, "spotcast_offering_price_usd_per_hour"
    spot, found = name + _chosen(rule, SPOT), list[str]()
    if rule.times_mean:
        found.append(f"{spot} > {rule.times_mean:g} * avg_over_time({spot}[7d])")
    if rule.on_demand_share:
        listed = name + _chosen(rule, LISTED)
        share = f"{rule.on_demand_share:g} * {listed}"
        found.append(f"{spot} > ignoring (capacity_type) group_left () ({share})")
    return " or ".join(found)


def _forecast(section: AlertsSection) -> str:
    limit = 60 * section.forecast.max_age_minutes
    priced = "sum by (provider) (spotcast_market_pools)"
    return (
        f"min by (provider) (spotcast_forecast_age_seconds) > {limit:g}"
        f" or {priced} unless on (provider) spotcast_forecasts"
    )


def _recent(state: str, hours: float) -> str:
    """Counted from 0 on: `api.guard.metrics` tells of each state before it is entered."""
    counted = f'spotcast_replacements_total{{state="{state}"}}'
    return f"increase({counted}[{_duration(60 * hours)}]) > 0"


EXPRESSIONS: Mapping[str, Callable[[AlertsSection], str]] = {
    "risk": _risk,
    "price": _price,
    "feed_late": lambda _: "spotcast_feed_late == 1",
    "feed_failing": lambda section: f"spotcast_feed_failures >= {section.feed_failing.failures}",
    "feed_quarantined": lambda _: "spotcast_feed_quarantined == 1",
    "forecast": _forecast,
    "skill": lambda _: "spotcast_forecast_skill == 0",
    "replacement_failed": lambda section: _recent(
        "failed", section.replacement_failed.within_hours
    ),
    "replacement_late": lambda section: _recent("overtaken", section.replacement_late.within_hours),
    "replacement_stuck": lambda _: "sum by (state) (spotcast_replacements_open) > 0",
}
"""How each rule is said with figures; the others have none."""


def _chosen(rule: PoolRuleSection, *matchers: str) -> str:
    """The selector of the rule's pools."""
    types = "|".join(map(_pattern, rule.instance_types))
    found = [
        *matchers,
        *_one_of("provider", "|".join(map(_literal, rule.providers))),
        *_one_of("region", "|".join(map(_literal, rule.regions))),
        *_one_of("instance_type", types),
    ]
    return f"{{{','.join(found)}}}"


def _one_of(label: str, pattern: str) -> list[str]:
    """A matcher, escaped as a string of PromQL is."""
    escaped = pattern.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return [f'{label}=~"{escaped}"'] if pattern else []


def _literal(text: str) -> str:
    return re.escape(text).replace(r"\-", "-")


def _pattern(shell: str) -> str:
    """A shell pattern as a regular expression of RE2, which Prometheus matches as a whole."""
    parts = re.split(r"(\*|\?|\[[^\]]+\])", shell)
    words = {"*": ".*", "?": "."}
    return "".join(
        part.replace("[!", "[^", 1)
        if part.startswith("[") and part.endswith("]")
        else words.get(part, _literal(part))
        for part in parts
    )
