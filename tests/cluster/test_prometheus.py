"""Our rules and figures as Prometheus and Alertmanager themselves take them.

They are real; see `tests.support.prometheus`. The server is ``spotcast serve`` as a process, with a
key, as deploy/prometheus/scrape.yaml has it.
"""

import json
import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from api.alerts.prometheus import rule_file
from api.config.alerts import AlertsSection
from api.metrics import Metrics
from api.security.key_file import change_keys
from api.security.keys import new_key
from api.security.principal import Scope
from api.server.observing import Seen
from collector.run import FeedReport
from tests.api.test_deploy import EXPRESSIONS
from tests.support.alerting import MINUTE, alert_settings, look, told
from tests.support.cli import a_market, fill
from tests.support.control_plane import answers
from tests.support.guard import a_forecast, foretell
from tests.support.market import NOW
from tests.support.processes import Program, free_port, wait_for
from tests.support.prometheus import (
    DEPLOY,
    ROOT,
    Alertmanager,
    Prometheus,
    missing,
    promtool,
)
from tests.support.served import a_service
from warehouse.records import RunOutcome
from warehouse.runs import RunResult, begin_run, finish_run
from warehouse.store import Warehouse

DOCS = ROOT / "docs"
SECONDS = 60.0
FEED = "import.prices"


@pytest.fixture(autouse=True)
def _programs() -> None:
    if why := missing():
        pytest.skip(why)


def test_promtool_finds_no_fault_in_the_rules() -> None:
    said = promtool("check", "rules", "--lint=all", "--lint-fatal", str(DEPLOY / "rules.yaml"))
    assert f"{len(AlertsSection().rules) + 1} rules found" in said


def test_each_rule_fires_when_it_should_and_keeps_silent_when_it_should() -> None:
    tests = DEPLOY / "rules.test.yaml"
    promtool("test", "rules", str(tests))
    rules = rule_file(AlertsSection())["groups"][0]["rules"]
    text = tests.read_text(encoding="utf-8")
    assert [one["alert"] for one in rules if one["alert"] not in text] == []


def test_rules_of_other_settings_are_as_faultless(tmp_path: Path) -> None:
    places = {
        "instance_types": ["g5.*", "p4d.24xlarge", "a[!b]?", 'odd"\\'],
        "providers": ["aws", "gcp"],
        "regions": ["us-east-1", "(x|y)"],
    }
    section = AlertsSection.model_validate(
        {"risk": {"lead_time_minutes": 20, **places}, "price": places, "recover_minutes": 0}
    )
    written = tmp_path / "rules.yaml"
    written.write_text(yaml.safe_dump(rule_file(section)), encoding="utf-8")
    promtool("check", "rules", "--lint=all", "--lint-fatal", str(written))


def test_every_panel_of_the_dashboard_asks_in_promql(tmp_path: Path) -> None:
    asked = [str(one.values[0]) for one in EXPRESSIONS]
    for variable, span in {"$__rate_interval": "5m", "$__range": "1h"}.items():
        asked = [one.replace(variable, span) for one in asked]
    rules = [{"record": f"panel:{number}", "expr": one} for number, one in enumerate(asked)]
    written = tmp_path / "panels.yaml"
    written.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    assert f"{len(asked)} rules found" in promtool("check", "rules", str(written))


def test_promtool_finds_no_fault_in_the_figures() -> None:
    with a_service() as service:
        metrics = Metrics(service)
        metrics.meter().failed("kind")
        metrics.requested(Seen("GET", "/v1/rankings", 200, 0.01))
        metrics.read(FeedReport("aws.prices", "*", RunResult(RunOutcome.OK, rows_new=1)))
        metrics.viewed(0.1)
        with service.writing() as warehouse:
            foretell(warehouse, a_forecast(60, 0.1))
            look(warehouse, alert_settings(), NOW - MINUTE)
            _read(warehouse, NOW, RunOutcome.OK)
        service.markets.refresh()
        service.forecasts.newest.get()
        service.forecasts.skill.get()
        exported = metrics.text("")[0]
    assert b"spotcast_offering_hazard_per_hour{" in exported
    assert promtool("check", "metrics", said=exported) == ""


def test_a_rule_fires_in_alertmanager_and_ends_there(tmp_path: Path) -> None:
    database = tmp_path / "w.duckdb"
    now = datetime.now(UTC)
    fill(database, *a_market(now))
    with Warehouse.open(database) as warehouse:
        for hours in (3, 2, 1):
            _read(warehouse, now - timedelta(hours=hours), RunOutcome.FAILED)
    _key(tmp_path)
    port = free_port()
    ended = AlertsSection.model_validate({"recover_minutes": 0})
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rule_file(ended)), encoding="utf-8")

    with _alertmanager(tmp_path) as receiver:
        configuration = _configuration(tmp_path, port, receiver)
        with _prometheus(tmp_path, configuration) as prometheus:
            with _serving(tmp_path, database, port):
                unknown = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False)
                wait_for(lambda: _firing(receiver) == ["SpotcastFeedFailing"], "fires", SECONDS)
                (target,) = prometheus.asked("targets")["activeTargets"]
                rules = [
                    one for each in prometheus.asked("rules")["groups"] for one in each["rules"]
                ]
                (alert,) = receiver.alerts()
            with Warehouse.open(database) as warehouse:
                _read(warehouse, datetime.now(UTC), RunOutcome.OK)
            with _serving(tmp_path, database, port):
                wait_for(lambda: _firing(receiver) == [], "is resolved", SECONDS)

    assert unknown.status_code == 401
    assert (target["health"], target["lastError"]) == ("up", "")
    assert {one["health"] for one in rules} == {"ok"}
    assert alert["labels"]["feed"] == FEED
    assert alert["annotations"]["description"].startswith(
        f"A feed has failed again and again. feed={FEED} instance=127.0.0.1:{port} job=spotcast"
    )


def test_the_documented_receiver_takes_spotcasts_own_alerts(tmp_path: Path) -> None:
    (text,) = (
        part.partition("```")[0]
        for part in (DOCS / "alerts.md").read_text(encoding="utf-8").split("```yaml\n")
        if part.startswith("route:")
    )
    firing = alert_settings(risk={"instance_types": ["*"], "needs_skill": False, "for_minutes": 0})
    now = datetime.now(UTC)
    with Warehouse.in_memory() as warehouse:
        foretell(warehouse, a_forecast(60, 0.3) | {"issued_at": now, "evidence_until": now})
        look(warehouse, firing, now)
        bodies = [
            part.text
            for notice in told(warehouse)
            for part in notice.attachments
            if part.name == "alerts.json"
        ]

    with _alertmanager(tmp_path, yaml.safe_load(text)) as receiver:
        posted = [receiver.http.post("/api/v2/alerts", json=json.loads(one)) for one in bodies]
        found = receiver.alerts()

    assert bodies
    assert [one.text for one in posted if not one.is_success] == []
    assert "SpotcastRisk" in {one["labels"]["alertname"] for one in found}
    assert {one["receivers"][0]["name"] for one in found} == {"spot-desk"}


def _read(warehouse: Warehouse, at: datetime, outcome: RunOutcome) -> None:
    run = begin_run(warehouse, FEED, "*", at)
    finish_run(warehouse, run, RunResult(outcome, rows_read=1), at)


def _key(folder: Path) -> None:
    """A key in the file that the scrape takes it from; the server's file of keys is beside it."""
    scopes = frozenset({Scope.READ})
    made, text = new_key("prometheus", scopes, now=datetime.now(UTC), lifetime=None)
    change_keys(folder / "keys.json", lambda keys: [*keys, made])
    (folder / "spotcast.key").write_text(text, encoding="utf-8")


def _configuration(folder: Path, port: int, receiver: Alertmanager) -> dict[str, Any]:
    """scrape.yaml, faster and with the places of the test."""
    scraped: dict[str, Any] = yaml.safe_load((DEPLOY / "scrape.yaml").read_text(encoding="utf-8"))
    (job,) = scraped["scrape_configs"]
    job["scrape_interval"] = "1s"
    job["scrape_timeout"] = "1s"
    job["authorization"]["credentials_file"] = str(folder / "spotcast.key")
    job["static_configs"] = [{"targets": [f"127.0.0.1:{port}"]}]
    alertmanagers = [{"static_configs": [{"targets": [receiver.address]}]}]
    return {
        "global": {"evaluation_interval": "1s"},
        "rule_files": [str(folder / "rules.yaml")],
        "alerting": {"alertmanagers": alertmanagers},
        **scraped,
    }


def _firing(receiver: Alertmanager) -> list[str]:
    return sorted(one["labels"]["alertname"] for one in receiver.alerts())


@contextmanager
def _alertmanager(
    folder: Path, configuration: dict[str, Any] | None = None
) -> Generator[Alertmanager]:
    nobody = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
    one = Alertmanager(folder, configuration or nobody)
    try:
        yield one
    finally:
        one.stop()


@contextmanager
def _prometheus(folder: Path, configuration: dict[str, Any]) -> Generator[Prometheus]:
    one = Prometheus(folder, configuration)
    try:
        yield one
    finally:
        one.stop()


@contextmanager
def _serving(folder: Path, database: Path, port: int) -> Generator[None]:
    command = [sys.executable, "-c", "from api.cli import main; main()", "serve", "--no-collect"]
    options = ["--no-jobs", "--port", str(port), "-w", str(database)]
    environ = {
        "SPOTCAST_KEYS": str(folder / "keys.json"),
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
    }
    program = Program([*command, *options], folder / "serve.log", environ)
    try:
        program.wait_until(lambda: answers(f"http://127.0.0.1:{port}/healthz"), SECONDS)
        yield
    finally:
        program.stop()
