"""The page of alerts, jobs and messages, and the count of alerts on every page."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from fastapi.testclient import TestClient

from api.alerts.judging import SILENT_AFTER, State
from api.config.alerts import AlertsSection
from api.config.jobs import OFF, JobsSection
from api.dashboard.alert_rows import RULE_LINKS, reason_link
from api.dashboard.language import LANGUAGES, catalogue
from api.delivery.sending import PUT
from api.jobs import JOBS
from api.rows.jobs import COLLECT
from api.service.firing import Firing, kept_firing
from api.service.kept import Kept
from api.service.state import Service
from tests.support.alerting import MINUTE, alert_settings, look
from tests.support.dashboard import app_of
from tests.support.duty import SECRET
from tests.support.guard import a_forecast, foretell
from tests.support.market import NOW
from tests.support.pages import Element, Html
from tests.support.served import a_service
from warehouse.errors import WarehouseError
from warehouse.store import Warehouse

EVERY_POOL = alert_settings(
    risk={"instance_types": ["*"], "needs_skill": False, "for_minutes": 0, "probability": 0.001}
)
RISKY = "g5.xlarge"


def read(client: TestClient, path: str = "/alerts", status: int = 200) -> Html:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    return Html(answer.text)


def main_text(html: Html) -> str:
    return " ".join(html.all("main")[0].text.split())


def alerts_of(html: Html) -> list[str]:
    """The rows of alerts, as they are read out."""
    return [
        " ".join(one.text.split())
        for one in html.all("tr")
        if (one.attributes.get("id") or "").startswith("alert-")
    ]


def row(html: Html, name: str) -> str:
    return " ".join(html.by_id(name).text.split())


def badges(html: Html) -> list[Element]:
    return html.all("span", class_="count")


def browser_of(service: Service) -> TestClient:
    return TestClient(app_of(service), "http://localhost", headers={"accept": "text/html"})


def test_an_alert_tells_its_value_against_its_limit_and_since_when(pages: TestClient) -> None:
    (found,) = [one for one in alerts_of(read(pages)) if one.startswith(RISKY)]

    assert "AWS · us-east-1 · use1-az4 firing critical Risk of a pool" in found
    assert "11.0%" in found
    assert "limit 10.0%" in found
    assert "Known true at: 2026-11-24 09:00 UTC" in found
    assert "Age: 0 s" in found
    assert "Began: 2026-11-21 09:01 UTC" in found
    assert "Last told: 2026-11-24" in found


def test_the_most_severe_that_fires_comes_first_and_what_is_pending_after_it(
    pages: TestClient,
) -> None:
    found = alerts_of(read(pages, "/alerts?state=firing"))
    both = alerts_of(read(pages))

    assert "critical" in found[0]
    assert all("warning" in one for one in found[1:])
    assert both[: len(found)] == found
    assert "pending" in both[len(found)]


@pytest.mark.parametrize(
    ("labels", "link"),
    [
        ({"provider": "aws", "region": "r", "zone": "z", "instance_type": "i"}, "/aws?instance=i"),
        ({"provider": "aws", "region": "x", "zone": "z", "instance_type": "i"}, "/risk?provider"),
        ({"feed": "aws.price_list", "scope": "*"}, "/#feeds"),
        ({"node": "n", "replacement_id": "gone-1"}, "/nodes?replacement=gone-1"),
        ({"job": "backup"}, "#job-backup"),
        ({"channel": "ops"}, "#messages"),
        (
            {"provider": "aws", "made_from": "machine", "horizon_seconds": "900"},
            "/verification?evidence_kind=machine&provider=aws",
        ),
    ],
    ids=["offered pool", "other pool", "feed", "replacement", "job", "channel", "skill"],
)
def test_an_alert_leads_to_the_page_of_its_reason(labels: dict[str, str], link: str) -> None:
    found = reason_link("risk", labels, frozenset({("aws", "r", "i")}))

    assert (found or "").startswith(link)


def test_every_rule_leads_somewhere_even_without_a_thing_that_it_is_about(
    pages: TestClient,
) -> None:
    assert RULE_LINKS.keys() == AlertsSection().rules.keys()
    ids = {one.attributes.get("id") for one in read(pages).elements}
    for link in RULE_LINKS.values():
        if link.startswith("#"):
            assert link[1:] in ids
        else:
            path, _, name = link.partition("#")
            assert name in {"", *(one.attributes.get("id") for one in read(pages, path).elements)}


def test_a_silenced_alert_is_marked_and_not_counted(pages: TestClient) -> None:
    html = read(pages)
    (silenced,) = [one for one in alerts_of(html) if "silenced" in one]
    fires = [one for one in alerts_of(read(pages, "/alerts?state=firing")) if one != silenced]

    assert silenced.startswith("public.skypilot_aws")
    (badge,) = badges(html)
    assert badge.text.startswith(str(len(fires)))
    assert "1 critical; 1 more are silenced" in main_text(html)


def test_what_cannot_be_judged_is_unknown_and_apart_from_what_fires(pages: TestClient) -> None:
    html = read(pages, "/alerts?state=unknown&rule=job_failed")

    assert alerts_of(html)
    for one in alerts_of(html):
        assert "unknown warning" in one
        assert "never begun" in one
    assert "Cannot be judged" in main_text(html)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("rule=risk", {"Risk of a pool"}),
        ("severity=critical", {"critical"}),
        ("state=pending", {"pending"}),
        ("rule=job_overdue&state=firing&severity=warning", {"Job overdue", "firing", "warning"}),
    ],
)
def test_filters_work_by_the_address_alone_and_keep_what_was_chosen(
    pages: TestClient, query: str, words: set[str]
) -> None:
    html = read(pages, f"/alerts?{query}")

    assert alerts_of(html)
    assert all(words <= {word for word in words if word in one} for one in alerts_of(html))
    chosen = {one.attributes["value"] for one in html.all("option") if "selected" in one.attributes}
    assert chosen == {part.partition("=")[2] for part in query.split("&")}


def test_filters_that_leave_nothing_do_not_say_that_all_is_well(pages: TestClient) -> None:
    text = main_text(read(pages, "/alerts?rule=backup&state=firing"))

    assert "None of this kind." in text
    assert "Nothing fires" not in text


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("rule=rsik", "there is no rule rsik"),
        ("state=burning", "'pending'"),
        ("severity=huge", "'critical'"),
        ("resolved=1y", "'24h'"),
        ("cursor=oops", "no cursor of ours"),
        ("cursor=WyJvcGVuIiwtMV0", "no cursor of ours"),
        ("cursor=WyJvcGVuIix0cnVlXQ", "no cursor of ours"),
    ],
)
def test_a_filter_that_is_wrong_is_named(pages: TestClient, query: str, said: str) -> None:
    (problem,) = read(pages, f"/alerts?{query}", 422).all("p", role="alert")

    assert said in problem.text


def test_what_was_resolved_is_shown_for_a_day_and_on_demand_for_a_week(pages: TestClient) -> None:
    day = alerts_of(read(pages, "/alerts?state=resolved"))
    week = alerts_of(read(pages, "/alerts?state=resolved&resolved=7d"))

    (advise,), (again, verify) = day, week
    assert advise == again
    assert advise.startswith("advise")
    assert verify.startswith("verify")


def test_each_job_tells_its_last_run_its_next_and_what_went_wrong(pages: TestClient) -> None:
    html = read(pages)
    failed, good, off, never = (
        row(html, f"job-{name}") for name in ("backup", "forecast", "report_weekly", "retain")
    )

    assert "failed 70 min ago" in failed
    assert "40 s" in failed
    assert "the folder /srv/backups is full" in failed
    assert "ok 5 min ago" in good
    assert "in 7 min" in good
    assert "never: it is off" in off
    assert "never run" in never
    assert {f"job-{job.name}" for job in JOBS} < {
        one.attributes.get("id") for one in html.all("tr")
    }


def test_the_reading_of_feeds_is_the_first_of_the_jobs(pages: TestClient) -> None:
    assert "never read" in row(read(pages), f"job-{COLLECT}")


def test_messages_are_counted_by_channel_with_their_newest_error_and_no_secret(
    pages: TestClient,
) -> None:
    html = read(pages)
    (table,) = [one.text for one in html.all("table") if "it answered 403" in one.text]
    text = " ".join(table.split())

    assert SECRET not in html.all("body")[0].text
    assert "Bearer [redacted]" in text
    assert "pager not set up 1" in text
    assert "2 h ago" in text
    assert "in 5 min" in text
    assert "desk@example.com" not in html.all("body")[0].text


def test_other_pages_tell_how_many_alerts_fire(pages: TestClient) -> None:
    told = {path: [one.text for one in badges(read(pages, path))] for path in ("/", "/risk")}

    assert told["/"] == told["/risk"]
    (text,) = told["/"]
    assert "firing (last look: 2026-11-24 09:00 UTC)" in text


def test_pages_go_on_without_a_count_that_cannot_be_read(full_service: Service) -> None:
    def refused(warehouse: Warehouse, now: datetime) -> Firing:
        del warehouse, now
        raise WarehouseError("the disk is gone")

    broken = Kept(
        refused, full_service.warehouse, full_service.clock, shortest=MINUTE, longest=MINUTE
    )
    html = read(browser_of(replace(full_service, firing=broken)), "/risk")

    assert not badges(html)
    assert [one.text for one in html.all("a", href="/alerts")] == ["Alerts"]


def test_the_command_line_and_the_request_ask_for_what_is_shown(
    pages: TestClient, full_service: Service
) -> None:
    html = read(pages, "/alerts?rule=job_overdue&state=firing&severity=warning&resolved=7d")
    request = html.by_id("copy-curl").text
    path = request.partition("http://localhost")[2].rstrip("'")
    answer = TestClient(app_of(full_service), "http://localhost").get(path).json()

    assert html.by_id("copy-cli").text == (
        "spotcast alerts --rule job_overdue --state firing --severity warning"
    )
    assert html.by_id("copy-history").text == "spotcast alerts history --since 7d"
    assert len(answer["items"]) == len(alerts_of(html)) > 0
    assert {one["rule"] for one in answer["items"]} == {"job_overdue"}


def test_rules_that_were_never_judged_are_unknown_and_not_well() -> None:
    with a_service() as service:
        html = read(browser_of(service))

    text = main_text(html)
    assert "never judged: whether anything is wrong is unknown" in text
    assert "Nothing fires" not in text
    (firing, *_) = html.all("div", class_="headline")
    assert "unknown" in firing.text
    assert [one.text.strip()[0] for one in badges(html)] == ["?"]


def test_an_old_look_looks_old() -> None:
    at = NOW - SILENT_AFTER - MINUTE
    with a_service(now=NOW) as service:
        with service.writing() as warehouse:
            foretell(warehouse, a_forecast(60, 0.3, age=10 * MINUTE))
            look(warehouse, EVERY_POOL, at)
        html = read(browser_of(replace(service, settings=EVERY_POOL)))

    text = main_text(html)
    assert "last judged 6 min ago" in text
    assert html.all("li", class_="is-error")
    assert "Stale: too old to stand for now." in alerts_of(html)[0]
    assert [one.text.strip()[0] for one in badges(html)] == ["?"]


def test_an_alert_that_is_lost_sight_of_goes_on_firing_and_says_so() -> None:
    with a_service() as service:
        with service.writing() as warehouse:
            foretell(warehouse, a_forecast(60, 0.3, age=timedelta(hours=3)))
            look(warehouse, EVERY_POOL, NOW - timedelta(hours=3))
            look(warehouse, EVERY_POOL, NOW)
        html = read(browser_of(replace(service, settings=EVERY_POOL)), "/alerts?rule=risk")

    (found,) = alerts_of(html)
    assert "firing" in found
    assert "cannot be judged" in found
    assert "Stale: too old to stand for now." in found


def test_an_old_look_that_saw_nothing_is_no_good_news() -> None:
    quiet = AlertsSection.model_validate(
        {name: {"enabled": False} for name in AlertsSection().rules}
    )
    with a_service() as service:
        settings = replace(service.settings, alerts=quiet)
        with service.writing() as warehouse:
            look(warehouse, settings, NOW - timedelta(hours=2))
        old = main_text(read(browser_of(replace(service, settings=settings))))
        with service.writing() as warehouse:
            look(warehouse, settings, NOW)
        new = main_text(read(browser_of(replace(service, settings=settings))))

    assert "Whether any is now is unknown." in old
    assert "Nothing fires and nothing is pending." in new
    assert "Switched off: Risk of a pool, " in new


def test_a_server_that_judges_no_rules_says_so() -> None:
    with a_service() as service:
        none = main_text(read(browser_of(service)))
        settings = replace(service.settings, jobs=JobsSection(alerts=OFF))
        off = main_text(read(browser_of(replace(service, settings=settings, does_jobs=True))))

    assert "This server does no jobs" in none
    assert "The job `alerts` is off" in off
    assert "nobody is told" in none


def test_many_alerts_come_in_pages_that_follow_each_other() -> None:
    with a_service() as service:
        with service.writing() as warehouse:
            several = [a_forecast(60, 0.3, zone=f"use1-az{number}") for number in range(60)]
            foretell(warehouse, *several)
            look(warehouse, EVERY_POOL, NOW)
        counted = kept_firing(service.warehouse, EVERY_POOL, service.clock)
        client = browser_of(replace(service, settings=EVERY_POOL, firing=counted))
        html = read(client, "/alerts?rule=risk")
        seen = alerts_of(html)
        while following := html.all("a", rel="next"):
            html = read(client, following[0].attributes["href"] or "")
            seen += alerts_of(html)
        (back,) = html.all("a", rel="prev")
        before = alerts_of(read(client, back.attributes["href"] or ""))

    assert len(seen) == len(set(seen)) == 60
    assert before == seen[25:50]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_rule_state_job_and_kind_of_channel_has_a_word(language: str) -> None:
    words = catalogue(language)
    kinds = {
        value
        for one in PUT
        for value in one.model_fields["kind"].annotation.__args__  # type: ignore[union-attr] # a Literal
    }
    wanted = {
        *(f"rule.{name}" for name in AlertsSection().rules),
        *(f"alert_state.{one.value}" for one in State),
        *(f"job.{one.name}" for one in JOBS),
        f"job.{COLLECT}",
        *(f"channel_kind.{name}" for name in kinds),
        *(f"severity.{name}" for name in ("info", "warning", "critical")),
        *(f"state.{name}" for name in ("ok", "failed", "killed", "running", "never run", OFF)),
    }

    assert len(kinds) == 5
    assert wanted <= words.keys()
