"""What stands around the guard: its loop, figures and webhook, and what the warehouse tells."""

import json
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.cluster import ClusterDeniedError, ClusterUnavailableError
from advisor.replacement.records import (
    Evidence,
    EvidenceKind,
    HandOver,
    Mechanism,
    State,
)
from advisor.risk.acting import ForecastKind
from advisor.risk.verification import Verdict
from api.errors import UsageError
from api.guard.loop import Troubles, keep_looking
from api.guard.metrics import Meter
from api.guard.report import Mode, Report
from api.guard.risks import joined, pool_risks, recent_evidence
from api.guard.webhook import SECRET, Webhook, WebhookError
from tests.support.guard import a_forecast, a_node
from tests.support.market import NOW, a_pool
from warehouse.errors import WarehouseBusyError
from warehouse.frames import frames_of
from warehouse.records import Interruption, InterruptionKind, Pool, Record, Signal
from warehouse.replacements import Done
from warehouse.store import Warehouse

MINUTE = timedelta(minutes=1)
POOL = a_pool()


def skilled(_: ForecastKind) -> Verdict:
    return Verdict.SKILL


def risks(rows: list[dict[str, Any]], minutes: float = 20, **given: Any) -> Any:
    judge = given.get("judge", skilled)
    made = pool_risks([POOL], pl.DataFrame(rows), judge, lambda _: minutes * MINUTE, NOW)
    return made.get(POOL)


def test_a_risk_is_that_of_the_window_between_two_forecasts() -> None:
    found = risks([a_forecast(15, 0.1), a_forecast(60, 0.4), a_forecast(360, 0.9)])

    # The hazard between the horizons is constant: a ninth of that stretch is gone at 20 minutes.
    assert found.probability == pytest.approx(1 - 0.9 ** (8 / 9) * 0.6 ** (1 / 9))
    assert found.low < found.probability < found.high
    assert found.may_act
    assert not found.is_stale


def test_a_window_beyond_every_forecast_gives_no_risk() -> None:
    assert risks([a_forecast(15, 0.1)], minutes=20) is None
    assert risks([a_forecast(15, 0.1)], minutes=15).probability == pytest.approx(0.1)


def test_without_a_window_there_is_no_risk_to_act_on() -> None:
    assert risks([a_forecast(15, 0.9)], minutes=0).probability == 0


def test_a_zone_is_judged_by_its_own_forecast_before_its_regions() -> None:
    rows = [a_forecast(60, 0.2, zone="*"), a_forecast(60, 0.5)]

    assert risks(rows, minutes=60).probability == pytest.approx(0.5)
    assert risks(rows[:1], minutes=60).probability == pytest.approx(0.2)


def test_a_forecast_that_was_not_renewed_for_an_hour_is_stale() -> None:
    assert not risks([a_forecast(60, 0.5, age=60 * MINUTE)]).is_stale
    assert risks([a_forecast(60, 0.5, age=61 * MINUTE)]).is_stale


def test_a_risk_may_be_acted_on_only_if_both_forecasts_behind_it_have_skill() -> None:
    rows = [a_forecast(15, 0.1), a_forecast(60, 0.4)]

    for unskilled in (900.0, 3600.0):

        def judge(kind: ForecastKind, bad: float = unskilled) -> Verdict:
            return Verdict.WITHOUT_SKILL if kind.horizon_seconds == bad else Verdict.SKILL

        assert not risks(rows, judge=judge).may_act


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1440))
def test_a_longer_window_never_has_less_risk(first: float, second: float, minutes: float) -> None:
    rows = [a_forecast(15, first), a_forecast(1440, second)]
    shorter, longer = risks(rows, minutes=minutes / 2), risks(rows, minutes=minutes)

    assert shorter.probability <= longer.probability + 1e-12
    assert longer.low <= longer.probability + 1e-12 <= longer.high + 2e-12


def stored(warehouse: Warehouse, *records: Record) -> None:
    with warehouse.transaction():
        for table, frame in frames_of(warehouse, records):
            warehouse.append(table, frame)


def announced(node: str, minutes_ago: float, provider: str = "aws") -> Interruption:
    at = NOW - minutes_ago * MINUTE
    kind = InterruptionKind.ANNOUNCED
    return Interruption(provider, None, None, None, node, kind, at, 120, "feed", at)


def test_a_cloud_calls_a_machine_by_its_id_and_the_guard_knows_the_node(
    warehouse: Warehouse,
) -> None:
    node = a_node("ip-10-0-0-1", provider_id="aws:///us-east-1a/i-0123456789abcdef0")
    stored(warehouse, announced("i-0123456789abcdef0", 1), announced("i-0fffffffffffffff0", 1))

    (found,) = recent_evidence(warehouse, {node.name: node}, NOW)

    assert (found.node, found.kind) == ("ip-10-0-0-1", EvidenceKind.NOTICE)
    assert found.takes_at == NOW + MINUTE


def test_what_was_announced_long_ago_is_no_evidence(warehouse: Warehouse) -> None:
    stored(warehouse, announced("a", 16))

    assert recent_evidence(warehouse, {"a": a_node("a")}, NOW) == []


def test_a_rebalance_recommendation_of_any_feed_is_evidence(warehouse: Warehouse) -> None:
    for name, definition in (
        ("a", "kubernetes.rebalance_recommendation"),
        ("b", "aws.rebalance_recommendation"),
    ):
        at = NOW - MINUTE
        stored(warehouse, Signal(POOL, at, definition, 1, 1, "feed", None, name))

    found = recent_evidence(warehouse, {name: a_node(name) for name in "abc"}, NOW)

    assert [(one.node, one.kind) for one in found] == [
        ("a", EvidenceKind.REBALANCE),
        ("b", EvidenceKind.REBALANCE),
    ]


def test_the_same_word_from_two_feeds_counts_once() -> None:
    early = Evidence("a", EvidenceKind.NOTICE, NOW, NOW + 2 * MINUTE)
    late = Evidence("a", EvidenceKind.NOTICE, NOW + MINUTE)
    other = Evidence("a", EvidenceKind.REBALANCE, NOW)

    assert joined([early, other], [late]) == [
        Evidence("a", EvidenceKind.NOTICE, NOW + MINUTE, NOW + 2 * MINUTE),
        other,
    ]


def looks(*results: Exception | None) -> tuple[list[str], list[float]]:
    """What a loop said, and how long it paused, when its looks went like that."""
    said: list[str] = []
    pauses: list[float] = []
    left = list(results)

    def look() -> None:
        if error := left.pop(0):
            raise error

    def sleep(seconds: float) -> bool:
        pauses.append(seconds)
        return not left

    keep_looking(
        look,
        interval=timedelta(seconds=15),
        sleep=sleep,
        random=Random(1),  # noqa: S311 - no secret
        troubles=Troubles(said.append),
    )
    return said, pauses


def test_a_trouble_is_told_once_and_counted_until_it_is_over() -> None:
    away = ClusterUnavailableError("the API server does not answer.")
    busy = WarehouseBusyError(Path("w.duckdb"), "spotcast collect (process 7)")

    said, pauses = looks(None, away, away, busy, away, None, away)

    assert [one.split(":")[0] for one in said[2:4]] == ["Well again", "Well again"]
    assert said[0].startswith("the API server does not answer.")
    assert "w.duckdb: in use by" in said[1]
    assert said[2] == "Well again: ClusterUnavailableError came 3 times."
    assert len(said) == 5
    assert len(pauses) == 7


def test_pauses_are_spread_around_the_interval() -> None:
    _, pauses = looks(*[None] * 50)

    assert all(13.5 <= one <= 16.5 for one in pauses)
    assert len(set(pauses)) == 50


def test_a_fault_of_ours_ends_the_loop() -> None:
    with pytest.raises(ZeroDivisionError):
        looks(ZeroDivisionError())


def test_a_denied_verb_does_not_end_the_loop() -> None:
    said, _ = looks(ClusterDeniedError("pods: not allowed."), None)

    assert said[0].startswith("pods: not allowed.")


def a_report(*open_ones: HandOver, mode: Mode = Mode.ACT) -> Report:
    report = Report(NOW, mode, seconds=0.2)
    report.open += open_ones
    return report


def a_hand_over(name: str = "a", state: State = State.RETIRING) -> HandOver:
    reason = "P(lost within 20 min) is 40 %"
    return HandOver(f"{name}-1", NOW, state, name, POOL, Mechanism.RETIRE, reason, {})


def test_the_figures_say_what_the_report_says() -> None:
    meter, report = Meter(), a_report(a_hand_over())
    report.steps.append(a_hand_over())
    report.done.append(Done("a-1", NOW, "retire", "NodeClaim a", "done"))

    meter.observe(report)
    meter.failed("WarehouseBusyError")

    lines = meter.text().splitlines()
    assert 'spotcast_replacements_total{mechanism="retire",state="retiring"} 1.0' in lines
    assert 'spotcast_replacements_open{state="retiring"} 1.0' in lines
    assert 'spotcast_replacements_open{state="draining"} 0.0' in lines
    assert 'spotcast_guard_actions_total{action="retire",outcome="done"} 1.0' in lines
    assert 'spotcast_guard_reconcile_errors_total{kind="WarehouseBusyError"} 1.0' in lines
    assert "spotcast_guard_reconcile_duration_seconds_count 1.0" in lines
    assert "spotcast_guard_leader 1.0" in lines


def test_the_figures_are_served_where_they_were_asked_for() -> None:
    meter = Meter()
    port = meter.serve(0, "127.0.0.1")
    try:
        found = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False)
        with pytest.raises(UsageError, match=f"--metrics-port {port}"):
            Meter().serve(port, "127.0.0.1")
    finally:
        meter.close()

    assert "spotcast_guard_leader" in found.text


class Receiver:
    """What gets the plans: answers with the statuses given, then with 200."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.got: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Take a request."""
        self.got.append(request)
        return httpx.Response(self.statuses.pop(0) if self.statuses else 200)

    def hook(self, url: str = "https://hook.example/plan?key=k", **environ: str) -> Webhook:
        """A webhook that posts here."""
        client = httpx.Client(transport=httpx.MockTransport(self))
        return Webhook(url, environ, client)


def test_a_plan_is_posted_once_with_an_id_of_its_own() -> None:
    receiver = Receiver()
    hook = receiver.hook(**{SECRET: "open sesame"})

    assert [hook.post(a_report(a_hand_over())) for _ in range(2)] == [True, False]
    assert hook.post(a_report(a_hand_over(), a_hand_over("b")))

    first, second = (json.loads(one.content) for one in receiver.got)
    assert first["replace"][0]["node"] == "a"
    assert first["replace"][0]["instance_type"] == "g5.xlarge"
    assert first["id"] != second["id"]
    assert receiver.got[0].headers["authorization"] == "Bearer open sesame"
    assert receiver.got[0].headers["idempotency-key"] == first["id"]
    assert b"sesame" not in receiver.got[0].content


def test_nothing_to_replace_is_not_posted() -> None:
    receiver = Receiver()

    assert not receiver.hook().post(a_report())
    assert receiver.got == []


def test_a_receiver_that_is_in_trouble_is_tried_again() -> None:
    receiver = Receiver(503, 429)

    assert receiver.hook().post(a_report(a_hand_over()))
    assert len(receiver.got) == 3
    assert len({one.headers["idempotency-key"] for one in receiver.got}) == 1


def test_a_plan_that_was_not_delivered_is_posted_with_the_next_look() -> None:
    receiver = Receiver(500, 500, 500)
    hook = receiver.hook()

    with pytest.raises(WebhookError, match="HTTP 500"):
        hook.post(a_report(a_hand_over()))

    assert hook.post(a_report(a_hand_over()))


def test_a_refusal_is_not_repeated_and_tells_no_secret() -> None:
    receiver = Receiver(403)
    hook = receiver.hook("https://me:pw@hook.example/plan?key=k", **{SECRET: "open sesame"})

    with pytest.raises(WebhookError) as said:
        hook.post(a_report(a_hand_over()))

    assert len(receiver.got) == 1
    assert str(said.value) == "webhook https://hook.example/plan: the receiver says HTTP 403"


@pytest.mark.parametrize("url", ["hook.example/plan", "ftp://hook.example", "https://"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="--webhook"):
        Receiver().hook(url)


def test_the_secret_is_not_sent_in_the_clear() -> None:
    with pytest.raises(UsageError, match="https only"):
        Receiver().hook("http://hook.example/plan", **{SECRET: "open sesame"})

    Receiver().hook("http://127.0.0.1:8080/plan", **{SECRET: "open sesame"})


def test_a_pool_without_nodes_is_not_asked_for() -> None:
    other = Pool("aws", "us-east-1", "use1-az1", "p5.48xlarge")
    made = pool_risks([other], pl.DataFrame([a_forecast(60, 0.4)]), skilled, lambda _: MINUTE, NOW)

    assert made == {}
