"""What is under deploy/ fits what the server does: dashboard, scrape configuration, manifests."""

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from api.config.document import parsed
from api.config.reading import configured
from api.metrics import Metrics
from api.server.observing import Seen
from collector.run import FeedReport
from tests.support.guard import a_forecast, foretell
from tests.support.served import a_service
from warehouse.records import RunOutcome
from warehouse.runs import RunResult, begin_run, finish_run

DEPLOY = Path(__file__).parents[2] / "deploy"
BOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "spotcast.json").read_text())
PANELS: list[dict[str, Any]] = BOARD["panels"]
EXPRESSIONS = [
    pytest.param(target["expr"], id=f"{panel['title']} {target['refId']}")
    for panel in PANELS
    for target in panel.get("targets", ())
]

KARPENTER = {
    "karpenter_cloudprovider_instance_type_offering_price_estimate": {
        "instance_type",
        "capacity_type",
        "zone",
    }
}
"""Metrics of others that a panel sets beside ours, with their labels."""

OF_PROMETHEUS = {"job", "instance"}
"""Labels that a scrape adds."""

UNTIL_THERE = {
    "spotcast_forecast_skill": {"provider", "made_from", "horizon_seconds"},
    "spotcast_replacements_total": {"state", "mechanism"},
    "spotcast_replacements_open": {"state"},
    "spotcast_guard_actions_total": {"action", "outcome"},
    "spotcast_guard_nodes": {"verdict"},
}
"""Series that need weeks of outcomes or a cluster; their tests are beside their code."""

METRIC = re.compile(r"\b((?:spotcast|karpenter|process)_[a-z_]+)(?:\{([^}]*)\})?")
GROUPED = re.compile(r"\b(?:by|ignoring|on) \(([^)]*)\)")


@pytest.fixture(scope="module")
def exported() -> dict[str, set[str]]:
    """Each metric that the server exports, with its labels."""
    with a_service() as service:
        metrics = Metrics(service)
        metrics.meter().failed("kind")
        metrics.requested(Seen("GET", "/v1/rankings", 200, 0.01))
        metrics.read(FeedReport("aws.prices", "*", RunResult(RunOutcome.OK, rows_new=1)))
        metrics.viewed(0.1)
        now = service.clock()
        with service.writing() as warehouse:
            finish_run(
                warehouse,
                begin_run(warehouse, "aws.prices", "*", now),
                RunResult(RunOutcome.OK, rows_read=1),
                now,
            )
            foretell(warehouse, a_forecast(60, 0.1))
        service.markets.refresh()
        service.forecasts.newest.get()
        service.forecasts.skill.get()
        text = metrics.text("")[0].decode()
    found: dict[str, set[str]] = {"spotcast_feed_late": {"feed", "scope"}, **UNTIL_THERE}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            found.setdefault(one.name, set()).update(one.labels)
    return found


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_panel_asks_for_metrics_and_labels_that_are_exported(
    exported: dict[str, set[str]], expression: str
) -> None:
    known = exported | KARPENTER
    named = METRIC.findall(expression)
    assert named
    labels: set[str] = set()
    for name, matchers in named:
        assert name in known
        asked = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
        assert asked <= known[name] | OF_PROMETHEUS, name
        labels |= known[name]
    for group in GROUPED.findall(expression):
        assert {one.strip() for one in group.split(",")} <= labels | {"le"}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_expression_is_balanced_and_its_variables_exist(expression: str) -> None:
    plain = re.sub(r'"[^"]*"', '""', expression)
    for opened, closed in ("()", "{}", "[]"):
        assert plain.count(opened) == plain.count(closed)
    variables = {one["name"] for one in BOARD["templating"]["list"]}
    used = set(re.findall(r"\$(?:\{)?(\w+)", expression)) - {"__rate_interval", "__range"}
    assert used <= variables


def test_what_a_rate_is_taken_of_is_a_counter_or_a_histogram() -> None:
    rated = [
        name
        for one in EXPRESSIONS
        for name in re.findall(r"(?:rate|increase)\((\w+)", str(one.values[0]))
    ]
    assert rated
    assert [one for one in rated if not one.endswith(("_total", "_bucket"))] == []


def test_panels_do_not_lie_upon_each_other_and_each_says_what_it_shows() -> None:
    assert len({one["id"] for one in PANELS}) == len(PANELS)
    shown = [one for one in PANELS if one["type"] != "row"]
    assert [one["title"] for one in shown if not one["description"]] == []
    for first, second in combinations([one["gridPos"] for one in PANELS], 2):
        is_beside = (
            first["x"] + first["w"] <= second["x"] or second["x"] + second["w"] <= first["x"]
        )
        is_below = first["y"] + first["h"] <= second["y"] or second["y"] + second["h"] <= first["y"]
        assert is_beside or is_below


def test_every_panel_and_variable_takes_the_data_source_that_the_user_chose() -> None:
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    asked = [target for panel in PANELS for target in panel.get("targets", ())]
    variables = [one for one in BOARD["templating"]["list"] if one["type"] == "query"]
    assert [one for one in [*asked, *variables] if one["datasource"] != chosen] == []


def test_prometheus_scrapes_the_path_that_is_served() -> None:
    (job,) = yaml.safe_load((DEPLOY / "prometheus" / "scrape.yaml").read_text())["scrape_configs"]
    assert job["metrics_path"] == "/metrics"
    assert job["job_name"].startswith("spotcast")


def test_the_manifest_runs_one_process_without_rights_and_probes_its_health() -> None:
    kinds = {
        one["kind"]: one for one in yaml.safe_load_all((DEPLOY / "serve/spotcast.yaml").read_text())
    }
    spec = kinds["Deployment"]["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    assert (spec["replicas"], spec["strategy"]["type"]) == (1, "Recreate")
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    mounts = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
    (name, text), *_ = kinds["ConfigMap"]["data"].items()
    found = configured(parsed(Path(mounts["config"], name), text.encode()), {})
    assert container["args"] == ["--config", f"{mounts['config']}/{name}", "serve"]
    assert found.environ["SPOTCAST_WAREHOUSE"].startswith(mounts["data"] + "/")
    assert found.environ["SPOTCAST_KEYS"].startswith(mounts["keys"] + "/")
    assert found.configuration.serve.port == container["ports"][0]["containerPort"]
