"""``/metrics``: what is exported, and that the unknown is not."""

from dataclasses import replace
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as plain
from starlette.requests import HTTPConnection

from advisor.replacement.records import Mechanism
from api.app import create_app
from api.metric_gauges import MOST_OFFERINGS
from api.metrics import Metrics
from api.security.principal import Access, LocalAccess, Principal, Scope
from api.service.state import Service
from collector.run import FeedReport
from collector.watchlist import Watchlist
from tests.api.http.test_health import FEED
from tests.support.guard import a_forecast, foretell
from tests.support.market import NOW, a_pool, a_price, a_shape, a_signal
from tests.support.served import a_client, a_service
from warehouse.records import OnDemandPrice, Record, RunOutcome, ZoneAlias
from warehouse.runs import RunResult, begin_run, finish_run

Labels = dict[str, str]


def series(service: Service, name: str) -> list[tuple[Labels, float]]:
    """The samples of one metric."""
    text = Metrics(service).text("")[0].decode()
    return [
        (dict(one.labels), one.value)
        for family in plain(text)
        for one in family.samples
        if one.name == name
    ]


class Known:
    """Everybody is somebody with these scopes."""

    def __init__(self, *scopes: Scope) -> None:
        self._scopes = frozenset(scopes)

    def principal(self, asking: HTTPConnection) -> Principal | None:
        """That one."""
        del asking
        return Principal("somebody", self._scopes)


@pytest.mark.parametrize(
    ("access", "status"),
    [(Known(Scope.READ), 200), (Known(Scope.INGEST), 403), (LocalAccess(), 200)],
)
def test_figures_are_for_those_who_may_read(service: Service, access: Access, status: int) -> None:
    assert a_client(service, access).get("/metrics").status_code == status


def test_both_formats_can_be_parsed_by_prometheus_own_parser(client: TestClient) -> None:
    client.get("/v1/rankings")
    text = client.get("/metrics")
    open_text = client.get(
        "/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0, */*"}
    )
    assert text.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert open_text.headers["content-type"].startswith("application/openmetrics-text")
    names = {one.name for one in plain(text.text)}
    found = text_string_to_metric_families(open_text.text)  # type: ignore[no-untyped-call] # the library's
    assert {one.name for one in found} <= names | {name.removesuffix("_total") for name in names}


def test_requests_are_counted_by_the_template_of_their_route(service: Service) -> None:
    metrics = Metrics(service)
    client = TestClient(create_app(service, LocalAccess(), metrics), "http://localhost")
    for name in ("g5.xlarge", "g4dn.xlarge"):
        client.get(f"/api/v1/aws/ec2/regions/us-east-1/types/{name}/price")
    client.get("/v1/rankings?gpus=-1")
    text = metrics.text("")[0].decode()
    route = "/api/v1/aws/ec2/regions/{region}/types/{instance_type}/price"
    assert f'requests_total{{method="GET",route="{route}",status="200"}} 2.0' in text
    assert 'requests_total{method="GET",route="/v1/rankings",status="422"} 1.0' in text
    assert f'duration_seconds_count{{method="GET",route="{route}"}} 2.0' in text


def test_rankings_are_counted_however_they_were_asked_for(service: Service) -> None:
    client = a_client(service)
    client.get("/v1/rankings?gpus=1")
    client.post("/v1/rankings", json={})
    assert series(service, "spotcast_rankings_served_total") == [({}, 2.0)]


def test_runs_of_feeds_are_counted_by_outcome(service: Service) -> None:
    metrics = Metrics(service)
    for result in (RunResult(RunOutcome.OK, rows_new=7), RunResult(RunOutcome.FAILED)):
        metrics.read(FeedReport("aws.prices", "*", result))
    text = metrics.text("")[0].decode()
    assert 'spotcast_feed_runs_total{feed="aws.prices",outcome="ok"} 1.0' in text
    assert 'spotcast_feed_runs_total{feed="aws.prices",outcome="failed"} 1.0' in text
    assert 'spotcast_feed_rows_new_total{feed="aws.prices"} 7.0' in text


def test_a_feed_has_an_age_once_it_was_read_and_is_late_only_if_it_is_planned(
    service: Service,
) -> None:
    planned = replace(service, planned=[(FEED, "us-east-1"), (FEED, "eu-west-1")])
    with service.writing() as warehouse:
        for feed, hours in ((FEED.name, 3), ("import.prices", 9)):
            at = NOW - timedelta(hours=hours)
            run_id = begin_run(warehouse, feed, "us-east-1", at)
            finish_run(warehouse, run_id, RunResult(RunOutcome.OK, rows_read=1), at)
    read, never = ({"feed": FEED.name, "scope": f"{one}-1"} for one in ("us-east", "eu-west"))
    imported = {"feed": "import.prices", "scope": "us-east-1"}
    ages = series(planned, "spotcast_feed_age_seconds")
    assert ages == [(read, 3 * 3600), (imported, 9 * 3600)]
    assert series(planned, "spotcast_feed_late") == [(never, 1.0), (read, 1.0)]


def test_a_feed_is_in_quarantine_until_an_answer_of_it_is_taken(service: Service) -> None:
    found = []
    for hours, outcome in ((2, RunOutcome.QUARANTINED), (1, RunOutcome.OK)):
        at = NOW - timedelta(hours=hours)
        with service.writing() as warehouse:
            run_id = begin_run(warehouse, FEED.name, "us-east-1", at)
            finish_run(warehouse, run_id, RunResult(outcome, rows_read=1), at)
        found += series(service, "spotcast_feed_quarantined")
    labels = {"feed": FEED.name, "scope": "us-east-1"}
    assert found == [(labels, 1.0), (labels, 0.0)]


def test_before_the_first_view_nothing_is_said_of_the_market(service: Service) -> None:
    assert series(service, "spotcast_market_pools") == []
    service.markets.refresh()
    assert series(service, "spotcast_market_pools") == [({"provider": "aws"}, 4.0)]
    assert series(service, "spotcast_newest_price_age_seconds") == [({"provider": "aws"}, 0.0)]
    assert series(service, "spotcast_market_view_age_seconds") == [({}, 0.0)]


def test_an_offering_has_karpenters_labels_and_no_series_for_what_is_unknown() -> None:
    records: list[Record] = [
        a_shape("g5.xlarge"),
        a_shape("g4dn.xlarge"),
        a_price(0.4),
        a_price(9.9, a_pool("g4dn.xlarge"), currency="XAU"),
        OnDemandPrice("aws", "us-east-1", "g5.xlarge", NOW, 1.0, "USD", "list", NOW),
        ZoneAlias("aws", "1", "us-east-1", "us-east-1a", "use1-az4", "zones", NOW),
        a_signal(0.05, 0.10, pool=a_pool("g5.xlarge", zone="*")),
    ]
    place = {
        "provider": "aws",
        "region": "us-east-1",
        "zone": "us-east-1a",
        "zone_id": "use1-az4",
        "instance_type": "g5.xlarge",
    }
    with a_service(*records) as service:
        service.markets.refresh()
        prices = series(service, "spotcast_offering_price_usd_per_hour")
        ((labels, hazard),) = series(service, "spotcast_offering_hazard_per_hour")
    assert prices == [
        ({**place, "capacity_type": "spot"}, 0.4),
        ({**place, "capacity_type": "on-demand"}, 1.0),
    ]
    assert labels == {**place, "capacity_type": "spot", "basis": "published"}
    assert 0 < hazard < 0.001


def test_only_watched_types_have_a_series_and_without_a_list_those_with_a_gpu(
    service: Service,
) -> None:
    service.markets.refresh()
    watching = replace(service, watchlist=Watchlist(instance_types=("m7i.large",)))
    name = "spotcast_offering_price_usd_per_hour"
    gpus = {labels["instance_type"] for labels, _ in series(service, name)}
    assert gpus == {"g5.xlarge", "g4dn.xlarge", "p3.2xlarge"}
    assert {labels["instance_type"] for labels, _ in series(watching, name)} == {"m7i.large"}


def test_a_price_that_is_too_old_to_stand_for_now_has_no_series() -> None:
    late = NOW + timedelta(hours=25)
    with a_service(a_shape(), a_price(0.4), now=late) as service:
        service.markets.refresh()
        assert series(service, "spotcast_offering_price_usd_per_hour") == []
        assert series(service, "spotcast_newest_price_age_seconds")[0][1] == 25 * 3600


def test_there_are_never_too_many_series_and_it_is_said_how_many_are_left_out() -> None:
    pools = [a_pool(zone=f"z{place:04}") for place in range(MOST_OFFERINGS + 5)]
    with a_service(a_shape(), *(a_price(0.4, one) for one in pools)) as service:
        service.markets.refresh()
        prices = series(service, "spotcast_offering_price_usd_per_hour")
        left_out = series(service, "spotcast_offerings_left_out")
    assert len(prices) == MOST_OFFERINGS
    assert left_out == [({}, 5.0)]


def test_forecasts_are_told_by_horizon_with_their_age_and_unproven_skill_is_absent(
    service: Service,
) -> None:
    with service.writing() as warehouse:
        age = timedelta(minutes=5)
        foretell(warehouse, a_forecast(60, 0.1, age=age), a_forecast(15, 0.05, age=age))
    assert series(service, "spotcast_forecasts") == []
    service.forecasts.newest.get()
    service.forecasts.skill.get()
    hour = {"provider": "aws", "horizon_seconds": "3600"}
    assert (hour, 1.0) in series(service, "spotcast_forecasts")
    assert (hour, 300.0) in series(service, "spotcast_forecast_age_seconds")
    acting = ({**hour, "made_from": "machine"}, 0.0)
    assert acting in series(service, "spotcast_forecasts_may_act")
    assert series(service, "spotcast_forecast_skill") == []


def test_every_state_of_a_hand_over_is_counted_from_0(service: Service) -> None:
    metrics = Metrics(service)
    metrics.meter()
    counted = [
        one.value
        for family in plain(metrics.text("")[0].decode())
        for one in family.samples
        if one.name == "spotcast_replacements_total" and one.labels["state"] == "failed"
    ]
    assert counted == [0.0] * len(Mechanism)


def test_the_guards_figures_are_among_these(service: Service) -> None:
    metrics = Metrics(service)
    metrics.meter().failed("ClusterUnavailableError")
    text = metrics.text("")[0].decode()
    assert 'spotcast_guard_reconcile_errors_total{kind="ClusterUnavailableError"} 1.0' in text
    assert "process_resident_memory_bytes" in text
