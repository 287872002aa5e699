"""``spotcast alerts``, ``/v1/alerts``, the gauges, and the rules for Prometheus."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from api.alerts.prometheus import rule_file
from api.alerts.rules import HEADINGS, about
from api.config.alerts import AlertsSection, RuleSection
from api.metrics import Metrics
from api.server.observing import Seen
from api.service.state import Service
from collector.run import FeedReport
from tests.api.test_deploy import METRIC, UNTIL_THERE
from tests.support.alerting import MINUTE, alert_settings, look
from tests.support.cli import Run
from tests.support.guard import a_forecast, foretell
from tests.support.market import NOW
from tests.support.served import a_client, a_service
from warehouse.records import RunOutcome
from warehouse.runs import RunResult, begin_run, finish_run
from warehouse.store import Warehouse

ROOT = Path(__file__).parents[3]
RULES: list[dict[str, Any]] = rule_file(AlertsSection())["groups"][0]["rules"]
FIELDS = {"alert", "expr", "for", "keep_firing_for", "labels", "annotations"}
"""Of an alerting rule, as Prometheus documents them."""
FIRES = alert_settings(risk={"instance_types": ["*"], "needs_skill": False, "for_minutes": 0})


@pytest.fixture
def client() -> Any:
    """Of a server whose rules were judged a minute ago."""
    with a_service() as service:
        with service.writing() as warehouse:
            foretell(warehouse, a_forecast(60, 0.3, age=2 * MINUTE))
            look(warehouse, FIRES, NOW - MINUTE)
        yield a_client(service)


def test_the_firing_ones_come_first_and_are_paged(client: TestClient) -> None:
    first = client.get("/v1/alerts", params={"limit": 1}).json()
    assert [(one["rule"], one["state"]) for one in first["items"]] == [("risk", "firing")]
    assert first["is_stale"] is False
    rest = client.get("/v1/alerts", params={"cursor": first["next_cursor"]}).json()
    assert "firing" not in {one["state"] for one in rest["items"]}
    only = client.get("/v1/alerts", params={"state": "firing", "rule": "risk"}).json()
    assert only["items"] == first["items"]
    assert client.get("/v1/alerts", params={"state": "burning"}).status_code == 422


def test_an_alert_tells_its_limit_its_unit_and_whether_it_is_silenced(client: TestClient) -> None:
    (one,) = client.get("/v1/alerts", params={"severity": "critical", "state": "firing"}).json()[
        "items"
    ]

    assert (one["value"], one["limit"], one["unit"]) == (0.3, 0.15, "share")
    assert one["is_silenced"] is False
    assert client.get("/v1/alerts", params={"severity": "info"}).json()["items"] == []
    assert client.get("/v1/alerts", params={"severity": "huge"}).status_code == 422


def test_rules_that_were_never_judged_are_no_good_news() -> None:
    with a_service() as service:
        page = a_client(service).get("/v1/alerts").json()
    assert page["items"] == []
    assert page["is_stale"] is True
    assert "never judged" in page["notes"][0]


def series(service: Service) -> dict[str, set[str]]:
    """Each sample's name with its labels."""
    metrics = Metrics(service)
    metrics.meter().failed("kind")
    metrics.requested(Seen("GET", "/v1/rankings", 200, 0.01))
    metrics.read(FeedReport("aws.prices", "*", RunResult(RunOutcome.OK, rows_new=1)))
    found: dict[str, set[str]] = {"spotcast_feed_late": {"feed", "scope"}, **UNTIL_THERE}
    for family in text_string_to_metric_families(metrics.text("")[0].decode()):
        for one in family.samples:
            found.setdefault(one.name, set()).update(one.labels)
    return found


def test_every_figure_and_label_that_a_prometheus_rule_asks_for_is_exported() -> None:
    with a_service() as service:
        with service.writing() as warehouse:
            foretell(warehouse, a_forecast(60, 0.1))
            look(warehouse, FIRES)
            run = begin_run(warehouse, "aws.prices", "*", NOW)
            finish_run(warehouse, run, RunResult(RunOutcome.OK, rows_read=1), NOW)
        service.markets.refresh()
        service.forecasts.newest.get()
        exported = series(service)
    for rule in RULES:
        named = METRIC.findall(rule["expr"])
        assert named, rule["expr"]
        for name, matchers in named:
            asked = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
            assert asked <= exported[name], name


def test_every_rule_is_written_for_prometheus_as_it_documents_them() -> None:
    names = {rule["alert"] for rule in RULES}
    # Two of one name would be told as one, and `promtool check rules` takes them for a mistake.
    assert len(names) == len(RULES) == len(AlertsSection().rules) + 1
    for rule in RULES:
        assert rule.keys() <= FIELDS
        assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", rule["alert"])
        for field in ("for", "keep_firing_for"):
            assert re.fullmatch(r"[0-9]+s", rule.get(field, "0s"))
        plain = re.sub(r'"(?:[^"\\]|\\.)*"', '""', rule["expr"])
        assert all(plain.count(one) == plain.count(other) for one, other in ("()", "{}", "[]"))
        assert rule["labels"]["severity"] in {"info", "warning", "critical"}


def test_a_rule_whose_every_comparison_is_off_is_left_out() -> None:
    section = AlertsSection.model_validate({"price": {"times_mean": 0, "on_demand_share": 0}})
    written = rule_file(section)["groups"][0]["rules"]
    assert [one["alert"] for one in RULES if one not in written] == ["SpotcastPrice"]


def test_what_the_server_has_waited_for_already_is_not_waited_for_again() -> None:
    asked = [rule for rule in RULES if "spotcast_alerts{" in rule["expr"]]
    assert asked
    assert [rule["alert"] for rule in asked if "for" in rule] == []


def test_the_rule_file_under_deploy_is_that_of_the_defaults(run: Run) -> None:
    kept = (ROOT / "deploy/prometheus/rules.yaml").read_text()
    assert run("alerts", "rules", "-o", "prometheus").out == kept
    (operator,) = yaml.safe_load_all(run("alerts", "rules", "-o", "operator").out)
    assert operator["kind"] == "PrometheusRule"
    assert operator["spec"] == yaml.safe_load(kept)


@settings(max_examples=25)
@given(text=st.text(min_size=1, max_size=20))
def test_no_name_of_a_place_breaks_out_of_its_selector(text: str) -> None:
    section = AlertsSection.model_validate({"price": {"regions": [text], "on_demand_share": 0}})
    (rule,) = [
        one for one in rule_file(section)["groups"][0]["rules"] if one["alert"] == "SpotcastPrice"
    ]
    plain = re.sub(r'"(?:[^"\\\n]|\\.)*"', '""', rule["expr"])
    chosen = 'spotcast_offering_price_usd_per_hour{capacity_type="",region=~""}'
    assert plain == f"{chosen} > 1.5 * avg_over_time({chosen}[7d])"


def test_the_command_shows_what_fires_and_ci_can_tell_by_the_exit_code(
    run: Run, fresh: str
) -> None:
    shown = run("alerts", "--warehouse", fresh, "-o", "json")
    assert shown.code == 0
    states = {one["rule"]: one["state"] for one in json.loads(shown.out)["alerts"]}
    assert states["forecast"] == "pending"
    assert run("alerts", "--warehouse", fresh, "--exit-code").code == 0
    with Warehouse.open(Path(fresh)) as warehouse:
        warehouse.execute("delete from alert")
    looked = run("alerts", "look", "--warehouse", fresh)
    assert (looked.code, "0 firing" in looked.out) == (0, True)
    with Warehouse.open(Path(fresh)) as warehouse:
        warehouse.execute("update alert set began_at = began_at - interval 1 hour")
    assert run("alerts", "--warehouse", fresh, "--exit-code").code == 1
    only = run("alerts", "-w", fresh, "--state", "firing", "--rule", "forecast", "-o", "json")
    assert {one["rule"] for one in json.loads(only.out)["alerts"]} == {"forecast"}
    none = run("alerts", "-w", fresh, "--severity", "info", "-o", "json")
    assert json.loads(none.out)["alerts"] == []
    assert run("alerts", "-w", fresh, "--rule", "rsik").code == 2
    lines = run("alerts", "history", "--warehouse", fresh).out.splitlines()
    assert any("pending" in line for line in lines)


def test_rules_are_listed_with_what_they_watch_for(run: Run) -> None:
    listed = json.loads(run("alerts", "rules", "-o", "json").out)["rules"]
    assert [one["rule"] for one in listed] == list(HEADINGS) == list(AlertsSection().rules)
    assert all(one["about"].endswith(".") for one in listed)


def test_every_rule_and_its_settings_are_in_the_papers() -> None:
    text = (ROOT / "docs/alerts.md").read_text()
    for name, rule in AlertsSection().rules.items():
        assert f"`{name}`" in text
        assert about(rule)
        own = type(rule).model_fields.keys() - RuleSection.model_fields.keys()
        for setting in own:
            assert f"`{setting}`" in text, f"{name}.{setting}"


def test_a_silence_must_end_after_it_starts_and_name_rules_that_exist() -> None:
    span = {"starts_at": "2026-01-02T00:00Z", "ends_at": "2026-01-01T00:00Z"}
    with pytest.raises(ValueError, match="ends after it starts"):
        AlertsSection.model_validate({"silences": [span]})
    wrong = {"starts_at": "2026-01-02T00:00Z", "ends_at": "2026-01-03T00:00Z", "rules": ["rsik"]}
    with pytest.raises(ValueError, match="no rule rsik"):
        AlertsSection.model_validate({"silences": [wrong]})
