"""A look on a real database: what each rule reads, and that states and messages are one."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from advisor.risk.verification import Comparison, Interval, LeadTimes, Score, Verification
from api.alerts.judging import Reading, Standing
from api.alerts.looking import Looker
from api.alerts.stored import stored
from api.settings import Settings, SettingsError
from tests.support.alerting import MINUTE, alert_settings, look, told
from tests.support.guard import a_forecast, foretell
from tests.support.market import NOW, a_pool, a_price, a_shape
from tests.support.served import add
from warehouse.alerts import alert_changes, last_look
from warehouse.job_runs import JobOutcome, begin_job_run, finish_job_run
from warehouse.outbox import Message, enqueue, give_up
from warehouse.records import (
    EndedBy,
    Exposure,
    OnDemandPrice,
    Record,
    Replacement,
    RunOutcome,
)
from warehouse.replacements import advance
from warehouse.runs import RunResult, begin_run, finish_run
from warehouse.store import Warehouse

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FEED = "aws.spot_advisor"
G5 = {"instance_types": ["g5.*"]}
OFF = {"enabled": False}
ALONE = dict.fromkeys(
    ("feed_late", "feed_failing", "feed_quarantined", "forecast", "skill", "price"), OFF
)
"""The rules that the small market of a test would set off beside the one that is meant."""


@pytest.fixture
def warehouse() -> Iterator[Warehouse]:
    """A database in memory with one pool, its shape and its list price."""
    with Warehouse.in_memory() as made:
        price = OnDemandPrice("aws", "us-east-1", "g5.xlarge", NOW - DAY, 1.0, "USD", "list", NOW)
        add(made, a_shape("g5.xlarge"), price)
        yield made


def read(warehouse: Warehouse, settings: Settings, rule: str) -> list[Reading]:
    """What the rule says at `NOW`."""
    found, _ = Looker().read(warehouse, settings, NOW)
    return [one for one in found if one.rule == rule]


def standings(warehouse: Warehouse, settings: Settings, rule: str) -> list[str]:
    return [one.standing.value for one in read(warehouse, settings, rule)]


def prices(*each: tuple[float, timedelta]) -> list[Record]:
    return [a_price(usd, a_pool("g5.xlarge"), NOW - age) for usd, age in each]


@pytest.mark.parametrize(
    ("probability", "age", "needs_skill", "standing"),
    [
        (0.3, timedelta(0), False, "bad"),
        (0.1, timedelta(0), False, "good"),
        (0.3, 2 * HOUR, False, "unknown"),
        (0.3, timedelta(0), True, "unknown"),
    ],
)
def test_a_risk_is_judged_by_a_fresh_forecast_with_skill(
    warehouse: Warehouse,
    probability: float,
    age: timedelta,
    needs_skill: bool,  # noqa: FBT001 - a parameter of the test
    standing: str,
) -> None:
    foretell(
        warehouse, a_forecast(60, probability, age=age), a_forecast(15, 0.9), a_forecast(360, 0.9)
    )
    pool = a_pool()
    settings = alert_settings(
        risk={"instance_types": [pool.instance_type], "needs_skill": needs_skill}
    )
    assert standings(warehouse, settings, "risk") == [standing]


def test_pools_of_running_machines_are_watched_and_others_are_not(warehouse: Warehouse) -> None:
    foretell(warehouse, a_forecast(60, 0.3))
    settings = alert_settings(risk={"needs_skill": False})
    (nothing,) = read(warehouse, settings, "risk")
    assert (nothing.standing, nothing.labels) == (Standing.UNKNOWN, {"watched": "none"})
    assert "No pool is watched" in nothing.text
    pool = a_pool()
    add(
        warehouse,
        Exposure(
            pool.provider,
            pool.region,
            pool.zone,
            pool.instance_type,
            "i-1",
            NOW - DAY,
            NOW - MINUTE,
            None,
            EndedBy.STILL_RUNNING,
            "running",
            "kubernetes",
        ),
    )
    assert standings(warehouse, settings, "risk") == ["bad"]


@pytest.mark.parametrize(
    ("each", "standing", "says"),
    [
        ([(0.2, 6 * DAY), (0.5, HOUR)], "bad", "times its mean"),
        ([(0.95, 6 * DAY), (0.96, HOUR)], "bad", "96% of the list price"),
        ([(0.2, 6 * DAY), (0.21, HOUR)], "good", "0.2100 USD"),
        ([(0.2, HOUR)], "unknown", "not known for long enough"),
        ([(0.2, 8 * DAY), (0.2, 2 * DAY)], "unknown", "2 d old"),
    ],
)
def test_a_price_is_judged_by_its_week_and_by_the_list(
    warehouse: Warehouse, each: list[tuple[float, timedelta]], standing: str, says: str
) -> None:
    add(warehouse, *prices(*each))
    (found,) = read(warehouse, alert_settings(price=G5), "price")
    assert found.standing.value == standing, found.text
    assert says in found.text


def test_a_pool_that_is_no_longer_told_of_is_unknown_and_keeps_firing(
    warehouse: Warehouse,
) -> None:
    foretell(warehouse, a_forecast(60, 0.3))
    settings = alert_settings(
        risk={"instance_types": ["*"], "needs_skill": False, "for_minutes": 0}, **ALONE
    )
    look(warehouse, settings)
    warehouse.execute("delete from risk_forecast")
    look(warehouse, settings, NOW + HOUR)
    (alert,) = [one for one in stored(warehouse).values() if one.rule == "risk"]
    assert (alert.state.value, alert.is_known) == ("firing", False)
    assert len(told(warehouse)) == 1
    elsewhere = alert_settings(
        **settings.alerts.model_dump()
        | {"risk": {"instance_types": ["p5.*"], "needs_skill": False}, "recover_minutes": 0}
    )
    look(warehouse, elsewhere, NOW + 2 * HOUR)
    assert [one.title for one in told(warehouse)][1:] == ["Risk of a pool: 1 resolved"]


def feed_run(warehouse: Warehouse, outcome: RunOutcome, age: timedelta) -> None:
    run = begin_run(warehouse, FEED, "*", NOW - age)
    finish_run(warehouse, run, RunResult(outcome, rows_read=1, error=None), NOW - age)


def test_feeds_are_late_or_fail_or_wait_aside(warehouse: Warehouse) -> None:
    settings = alert_settings()
    mine = {"feed": FEED, "scope": "*"}

    def said(rule: str) -> list[str]:
        return [one.standing.value for one in read(warehouse, settings, rule) if one.labels == mine]

    assert [said(rule) for rule in ("feed_late", "feed_failing")] == [["unknown"], []]
    feed_run(warehouse, RunOutcome.OK, 30 * DAY)
    assert [said(rule) for rule in ("feed_late", "feed_failing")] == [["bad"], ["good"]]
    for minutes in (30, 20, 10):
        feed_run(warehouse, RunOutcome.FAILED, minutes * MINUTE)
    assert said("feed_failing") == ["bad"]
    feed_run(warehouse, RunOutcome.QUARANTINED, 2 * MINUTE)
    assert said("feed_quarantined") == ["bad"]
    feed_run(warehouse, RunOutcome.OK, MINUTE)
    assert [said(rule) for rule in ("feed_late", "feed_failing", "feed_quarantined")] == [
        ["good"],
        ["good"],
        ["good"],
    ]


def test_a_cloud_with_prices_needs_a_fresh_forecast(warehouse: Warehouse) -> None:
    settings = alert_settings()
    assert standings(warehouse, settings, "forecast") == ["unknown"]
    add(warehouse, *prices((0.2, HOUR)))
    assert standings(warehouse, settings, "forecast") == ["bad"]
    foretell(warehouse, a_forecast(60, 0.3, age=2 * HOUR))
    assert standings(warehouse, settings, "forecast") == ["bad"]
    foretell(warehouse, a_forecast(60, 0.3))
    assert standings(warehouse, settings, "forecast") == ["good"]


def hand_over(warehouse: Warehouse, *states: tuple[str, timedelta], of: str = "r1") -> None:
    before = None
    for state, age in states:
        after = Replacement(of, NOW - age, state, of, a_pool(), "retire", "P is 40 %", None)
        assert advance(warehouse, before, after)
        before = after


def test_hand_overs_that_failed_came_late_or_stand_still_are_told(warehouse: Warehouse) -> None:
    hand_over(warehouse, ("planned", 3 * HOUR), ("failed", 2 * HOUR), of="failed")
    hand_over(warehouse, ("planned", 3 * HOUR), ("overtaken", 2 * HOUR), of="late")
    hand_over(warehouse, ("planned", 3 * HOUR), of="stuck")
    hand_over(warehouse, ("planned", MINUTE), of="new")
    hand_over(warehouse, ("planned", 50 * HOUR), ("failed", 49 * HOUR), of="old")
    settings = alert_settings()
    for rule in ("failed", "late", "stuck"):
        found = read(warehouse, settings, f"replacement_{rule}")
        assert [one.labels["node"] for one in found if one.standing is Standing.BAD] == [rule]


def test_jobs_that_failed_or_were_not_begun_are_told(warehouse: Warehouse) -> None:
    settings = alert_settings()
    assert set(standings(warehouse, settings, "job_failed")) == {"unknown"}
    for job, outcome, age in (
        ("backup", JobOutcome.OK, 3 * DAY),
        ("forecast", JobOutcome.FAILED, MINUTE),
    ):
        run = begin_job_run(warehouse, job, NOW - age, NOW - age)
        finish_job_run(warehouse, run, outcome, NOW - age, error="the disk is full")
    for rule, bad in (("job_failed", "forecast"), ("job_overdue", "backup")):
        found = read(warehouse, settings, rule)
        assert [one.labels["job"] for one in found if one.standing is Standing.BAD] == [bad]


def test_an_old_backup_is_told_and_none_is_unknown(warehouse: Warehouse, tmp_path: Path) -> None:
    settings = replace(alert_settings(), warehouse=tmp_path / "spotcast.duckdb")
    assert standings(warehouse, settings, "backup") == ["unknown"]
    folder = tmp_path / "backups" / "spotcast-20260101T000000Z"
    folder.mkdir(parents=True)
    (folder / "spotcast.duckdb").touch()
    manifest = {"made_at": (NOW - 2 * DAY).isoformat(), "spotcast": "1", "schema": 1}
    manifest |= {"sha256": "", "size_bytes": 1, "rows": {}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert standings(warehouse, settings, "backup") == ["bad"]


def test_a_message_that_was_given_up_is_told_without_secrets(warehouse: Warehouse) -> None:
    enqueue(warehouse, [Message("m1", "mail", "", "report", "Daily", NOW - DAY, "{}")])
    give_up(warehouse, "m1", "no such address for Bearer abc", NOW - HOUR)
    (found,) = read(warehouse, alert_settings(), "message")
    assert (found.standing, found.labels) == (Standing.BAD, {"channel": "mail"})
    assert "no such address for Bearer [redacted]." in found.text


FIRES = alert_settings(
    risk={"instance_types": ["*"], "needs_skill": False, "for_minutes": 0},
    recover_minutes=0,
    **ALONE,
)


def test_what_fires_is_told_once_by_looks_of_any_process(warehouse: Warehouse) -> None:
    foretell(warehouse, a_forecast(60, 0.3), a_forecast(60, 0.4, zone="use1-az1"))
    for minutes in range(5):
        look(warehouse, FIRES, NOW + minutes * MINUTE)
    (notice,) = told(warehouse)
    assert notice.title == "Risk of a pool: 2 firing"
    assert notice.severity == "critical"
    assert notice.text.count("\n- ") == 2
    assert last_look(warehouse) == NOW + 4 * MINUTE
    foretell(
        warehouse,
        {**a_forecast(60, 0.01), "issued_at": NOW + HOUR},
        {**a_forecast(60, 0.01, zone="use1-az1"), "issued_at": NOW + HOUR},
    )
    look(warehouse, FIRES, NOW + HOUR)
    assert [one.title for one in told(warehouse)][1:] == ["Risk of a pool: 2 resolved"]
    changes = alert_changes(warehouse, NOW + DAY, NOW - DAY, limit=100)["change"].to_list()
    assert sorted(changes) == sorted(2 * ["firing", "told", "resolved", "end_told"])


def test_alertmanager_is_given_what_it_documents(warehouse: Warehouse) -> None:
    foretell(warehouse, a_forecast(60, 0.3))
    look(warehouse, FIRES)
    (notice,) = told(warehouse)
    (posted,) = json.loads(notice.attachments[0].text)
    assert posted["labels"]["alertname"] == "SpotcastRisk"
    assert all(isinstance(value, str) for value in posted["labels"].values())
    assert posted["startsAt"] == NOW.isoformat()
    assert posted["endsAt"] > (NOW + 12 * HOUR).isoformat()


@pytest.mark.parametrize("step", ["alerts", "messages"])
def test_a_process_that_ends_within_a_look_leaves_neither_state_nor_message(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    foretell(warehouse, a_forecast(60, 0.3))

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    name = {"alerts": "addressed", "messages": "enqueue"}[step]
    with monkeypatch.context() as patched:
        patched.setattr(f"api.alerts.looking.{name}", dies)
        with pytest.raises(KeyboardInterrupt):
            look(warehouse, FIRES)
    assert not stored(warehouse)
    assert not told(warehouse)
    look(warehouse, FIRES, NOW + MINUTE)
    look(warehouse, FIRES, NOW + 2 * MINUTE)
    assert len(told(warehouse)) == 1


def test_a_silence_holds_back_what_its_labels_say(warehouse: Warehouse) -> None:
    foretell(warehouse, a_forecast(60, 0.3), a_forecast(60, 0.4, zone="use1-az1"))
    silence = {
        "starts_at": NOW.isoformat(),
        "ends_at": (NOW + HOUR).isoformat(),
        "rules": ["risk"],
        "labels": {"zone": "*-az1"},
    }
    section = FIRES.alerts.model_dump() | {"silences": [silence]}
    settings = alert_settings(**section)
    look(warehouse, settings)
    assert [one.title for one in told(warehouse)] == ["Risk of a pool: 1 firing"]


def test_a_channel_that_is_not_set_up_is_an_error_that_names_it(warehouse: Warehouse) -> None:
    settings = alert_settings(risk={"channels": ["pager"]})
    with pytest.raises(SettingsError, match=r"alerts\.risk .*'pager'.*set up: ops"):
        look(warehouse, settings)


def test_a_figure_that_moves_is_shown_and_is_no_change(warehouse: Warehouse) -> None:
    foretell(warehouse, a_forecast(60, 0.3))
    looker = Looker()
    look(warehouse, FIRES, by=looker)
    foretell(warehouse, {**a_forecast(60, 0.5), "issued_at": NOW + MINUTE})
    look(warehouse, FIRES, NOW + MINUTE, by=looker)
    (alert,) = [one for one in stored(warehouse).values() if one.rule == "risk"]
    assert alert.value == 0.5
    assert alert_changes(warehouse, NOW + DAY, NOW - DAY, limit=100).height == 2


@pytest.mark.parametrize(
    ("skill", "events", "standing"),
    [(-0.1, 100, "bad"), (0.1, 100, "good"), (-0.1, 3, "unknown"), (None, 100, "unknown")],
)
def test_skill_is_judged_where_there_is_evidence_enough(
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
    skill: float | None,
    events: int,
    standing: str,
) -> None:
    score = a_score(skill, events)
    verification = Verification((score, replace(score, provider=None)), ())

    def scored(_outcomes: pl.DataFrame, _now: datetime) -> Verification:
        return verification

    monkeypatch.setattr("api.alerts.sight.scores_of", scored)
    (found,) = read(warehouse, alert_settings(), "skill")
    assert found.standing.value == standing
    assert found.labels == {
        "provider": "aws",
        "made_from": "machine",
        "horizon_seconds": "3600",
    }


def a_score(skill: float | None, events: int) -> Score:
    """A score of AWS' forecasts for an hour."""
    interval = Interval(skill, skill, skill)
    return Score(
        evidence_kind="machine",
        horizon_seconds=3600,
        provider="aws",
        grade=None,
        rows=1000,
        censored_rows=0,
        base_rate=0.1,
        mean_probability=0.1,
        log_loss=0.1,
        brier=0.1,
        auc=0.5,
        ece=0.1,
        comparison=Comparison(1000, events, 30, interval, interval, skill),
        precision=None,
        recall=None,
        lead=LeadTimes(events, 0, None, None, None),
        reliability=(),
    )
