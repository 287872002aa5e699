"""The pages as a browser without scripts gets them."""

import shlex
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml
from fastapi.testclient import TestClient

from advisor.demand_file import read_demand
from api.dashboard.data import losses
from api.service.state import Service
from tests.support.cli import fill
from tests.support.dashboard import POLICY, app_of, records
from tests.support.market import NOW
from tests.support.pages import Html
from tests.support.served import a_service

PAGES = {
    "overview": "/",
    "alerts": "/alerts",
    "risk": "/risk",
    "search": "/search?gpus=1",
    "instance": "/aws?instance=g5.xlarge&region=us-east-1",
    "lead time": "/lead-time",
    "nodes": "/nodes?replacement=gone-1",
    "plan": "/plan",
    "verification": "/verification",
    "problem": "/nothing-here",
}
"""Every page, with something on it."""


def read(client: TestClient, path: str, status: int = 200) -> Html:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    return Html(answer.text)


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
def test_every_page_is_well_formed_and_says_its_language(
    pages: TestClient, path: str, language: str
) -> None:
    answer = pages.get(path, headers={"accept-language": f"{language},fr;q=0.9"})
    html = Html(answer.text)
    (root,) = html.all("html")
    ids = [one.attributes["id"] for one in html.elements if "id" in one.attributes]
    assert root.attributes["lang"] == language
    assert len(html.all("h1")) == len(html.all("main")) == 1
    assert len(set(ids)) == len(ids)
    assert not [one for one in html.elements if "style" in one.attributes or one.tag == "style"]
    assert all("src" in one.attributes for one in html.all("script"))
    assert not [
        one for one in html.elements if any(name.startswith("on") for name in one.attributes)
    ]


@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
def test_every_label_hint_and_link_within_a_page_leads_somewhere(
    pages: TestClient, path: str
) -> None:
    html = Html(pages.get(path).text)
    ids = {one.attributes.get("id") for one in html.elements}
    for one in html.elements:
        for name in ("aria-describedby", "aria-labelledby", "for", "data-copy"):
            if target := one.attributes.get(name):
                assert target in ids
    controls = {one.attributes.get("id") for tag in ("input", "select", "textarea")
                for one in html.all(tag) if one.attributes.get("type") != "hidden"}  # fmt: skip
    assert controls == {one.attributes.get("for") for one in html.all("label")}
    assert all(one.text.strip() for one in html.all("caption"))


@pytest.mark.parametrize("path", [path for name, path in PAGES.items() if name != "problem"])
def test_every_link_of_a_page_opens(pages: TestClient, path: str) -> None:
    links = {one.attributes["href"] or "" for one in read(pages, path).all("a")}
    for link in links:
        if link.startswith("/") and not link.startswith("/v1/"):
            assert pages.get(link).status_code == 200, link


def test_every_number_tells_its_source_and_age(pages: TestClient) -> None:
    html = read(pages, "/search?gpus=1")
    facts = html.all("button", class_="fact-value")
    assert len(facts) > 10
    for one in facts:
        hint = html.by_id(one.attributes["aria-describedby"] or "").text
        assert "Source:" in hint
        assert "Age:" in hint


def test_what_is_stale_is_said_to_be_in_words(pages: TestClient) -> None:
    html = read(pages, "/search?provider=gcp")
    (row,) = list(html.all("tr", class_="is-stale"))
    assert "stale" in row.text
    assert "9 d" in row.text
    assert "too old to stand for now" in html.all("main")[0].text


def test_unknown_is_a_word_and_never_a_safe_colour(pages: TestClient) -> None:
    cells = read(pages, "/risk?region=us-central1").all("a", class_="cell")
    assert [one.text for one in cells] == ["unknown"]
    assert "r-unknown" in (cells[0].attributes["class"] or "")


def test_the_map_tells_a_forecast_from_a_published_band(pages: TestClient) -> None:
    html = read(pages, "/risk?horizon=1h&instance_type=g5.*")
    texts = {one.text: one.attributes["class"] or "" for one in html.all("a", class_="cell")}
    assert "r2" in texts["11.0%"]
    assert "is-published" not in texts["11.0%"]
    assert "is-published" in texts["5-10%"]


def test_another_window_shows_other_risks(pages: TestClient) -> None:
    html = read(pages, "/risk?horizon=24h&instance_type=g5.*")
    assert {"94.0%", "31.3%", "5-10%"} <= {one.text for one in html.all("a", class_="cell")}


def test_filters_and_order_work_by_the_address_alone(pages: TestClient) -> None:
    html = read(pages, "/search?gpus=1&max_usd_per_hour=0.3&region=&sort=price")
    found = [one.text for one in html.all("a") if one.inside[-2:] == ["th", "span"]]
    assert found == ["g4dn.xlarge", "g2-standard-4"]
    (ordered,) = [one for one in html.all("th") if "aria-sort" in one.attributes]
    assert "Spot price" in ordered.text
    assert html.by_id("f-max_usd_per_hour").attributes["value"] == "0.3"


def test_pages_of_a_list_follow_each_other(pages: TestClient) -> None:
    first = read(pages, "/search?gpus=1&limit=2")
    (following,) = first.all("a", rel="next")
    second = read(pages, following.attributes["href"] or "")
    (back,) = second.all("a", rel="prev")
    assert "3 to 4 of 5" in second.all("main")[0].text
    assert (back.attributes["href"] or "").count("cursor") == 0


def test_a_wrong_field_is_named_and_keeps_what_was_written(pages: TestClient) -> None:
    html = read(pages, "/search?gpus=-1&gpu_model=L4", 422)
    wrong = html.by_id("f-gpus")
    assert (wrong.attributes["aria-invalid"], wrong.attributes["value"]) == ("true", "-1")
    assert html.by_id("f-gpu_model").attributes["value"] == "L4"
    assert html.all("p", role="alert")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/aws?instance=x9.huge", 404),
        ("/aws?instance=g5.xlarge&region=mars", 404),
        ("/aws", 422),
        ("/search?cursor=oops", 422),
        ("/search?gpus=0&gpu_model=L4", 422),
        ("/risk?horizon=2h", 422),
        ("/lead-time?weights_gb=0", 422),
        ("/nodes?replacement=none", 404),
        ("/static/0/style.css", 404),
        ("/charts/none.svg", 404),
        ("/charts/prices.png", 404),
    ],
)
def test_what_cannot_be_shown_is_a_page_in_the_same_look(
    pages: TestClient, path: str, status: int
) -> None:
    html = read(pages, path, status)
    assert html.all("nav")
    assert html.all("p", role="alert")


def test_a_program_gets_a_problem_document_all_the_same(full_service: Service) -> None:
    client = TestClient(app_of(full_service), "http://localhost")
    assert client.get("/nope").headers["content-type"] == "application/problem+json"
    answer = client.get("/v1/nope", headers={"accept": "text/html"})
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("field", ["instance_type", "region", "gpu_model", "zone"])
def test_what_somebody_writes_is_never_markup(pages: TestClient, field: str) -> None:
    bad = "\"'><script>alert(1)</script>"
    for path in ("/search", "/risk", "/aws", "/lead-time", "/plan"):
        answer = pages.get(path, params={field: bad, "instance": bad})
        assert "<script>alert" not in answer.text


@pytest.mark.parametrize("text", ["\x00", "\ud800", "9" * 400, "%", "*" * 200, "a\nb"], ids=ascii)
def test_odd_text_is_no_fault_of_ours(pages: TestClient, text: str) -> None:
    given = quote(text.encode("utf-8", "surrogatepass"))
    for path in ("/search", "/risk", "/aws", "/nodes", "/lead-time", "/verification"):
        for field in ("instance", "region", "gpus", "cursor", "weights_gb", "replacement"):
            asked = f"{path}?instance=g5.xlarge&{field}={given}"
            assert pages.get(asked).status_code < 500


def test_the_choice_of_language_and_theme_is_kept(pages: TestClient) -> None:
    read(pages, "/?lang=zh&theme=dark")
    html = read(pages, "/risk")
    (root,) = html.all("html")
    assert (root.attributes["lang"], root.attributes["data-theme"]) == ("zh-CN", "dark")
    assert "中断风险" in html.all("h1")[0].text


def test_the_command_line_gives_the_same_ranking(
    pages: TestClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from api.cli import main  # noqa: PLC0415 - it loads every library of a command

    fill(tmp_path / "w.duckdb", *records())
    asked = "gpus=1&provider=aws&gpu_memory_min_gib=20&restart_seconds=600&instance_type=g5.*"
    line = shlex.split(read(pages, f"/search?{asked}").by_id("copy-cli").text)
    assert line[:2] == ["spotcast", "rank"]
    with pytest.raises(SystemExit):
        main([*line[1:], "-o", "one-line", "-w", str(tmp_path / "w.duckdb")])
    assert capsys.readouterr().out.split() == ["g5.xlarge"]


def test_the_demand_file_asks_for_the_same(pages: TestClient) -> None:
    asked = "gpus=1&provider=aws&gpu_memory_min_gib=20&restart_seconds=600&instance_type=g5.*"
    text = read(pages, f"/search?{asked}").by_id("copy-demand").text
    demand, policy = read_demand(text, "copied")
    assert (demand.gpus, demand.gpu_memory_min_gib) == (1, 20)
    assert demand.restart == timedelta(minutes=10)
    assert (policy.providers, policy.types) == (("aws",), ("g5.*",))


def test_a_nodepool_can_be_copied_and_planned(pages: TestClient) -> None:
    html = read(pages, "/search?gpus=1&provider=aws&region=us-east-1")
    text = html.by_id("copy-nodepool").text
    (nodepool,) = yaml.safe_load_all(text)
    assert nodepool["kind"] == "NodePool"
    older = text.replace("- g4dn.xlarge\n", "")
    answer = pages.post("/plan", data={"current": older, "place": "aws/us-east-1", "gpus": "1"})
    plan = Html(answer.text)
    assert answer.status_code == 200, answer.text
    assert "g4dn.xlarge" in [one.text.split()[-1] for one in plan.all("ins")]
    assert yaml.safe_load(plan.by_id("copy-proposed").text)["kind"] == "NodePool"


@pytest.mark.parametrize(
    "current", ["", "a: [", "kind: Pod", "- 1", "{apiVersion: v1, kind: NodePool}", "&a [*a]"]
)
def test_what_is_no_nodepool_is_refused_with_a_sentence(pages: TestClient, current: str) -> None:
    answer = pages.post("/plan", data={"current": current, "place": "aws/us-east-1"})
    assert answer.status_code == 422
    assert Html(answer.text).all("p", role="alert")


def test_a_form_of_another_site_or_too_large_is_refused(pages: TestClient) -> None:
    form = {"current": "x", "place": "aws/us-east-1"}
    for headers in ({"origin": "https://elsewhere.example"}, {"sec-fetch-site": "cross-site"}):
        assert pages.post("/plan", data=form, headers=headers).status_code == 403
    assert pages.post("/plan", data={"current": "x" * 3_000_000}).status_code == 413


def test_nodes_come_with_countdown_blockers_and_hand_over(pages: TestClient) -> None:
    text = " ".join(read(pages, "/nodes").all("main")[0].text.split())
    assert "interruption notice" in text
    assert "less than needed" in text
    assert "BLOCKED by PodDisruptionBudget default/llm" in text
    assert "risk unknown" in text
    assert "evacuate" in text


def test_the_audit_of_a_replacement_is_shown(pages: TestClient) -> None:
    text = read(pages, "/nodes?replacement=gone-1").all("section")[0].text
    assert "NodeClaim gpu-x7k2p" in text
    assert "draining" in text


def test_scores_stand_beside_the_baseline_with_their_verdict(pages: TestClient) -> None:
    html = read(pages, "/verification")
    assert [one.text for one in html.all("th", scope="row")] == ["15 min", "1 h", "6 h", "24 h"]
    captions = [one.attributes["data-chart"] for one in html.all("div", class_="plot")]
    assert [one.partition("?")[0] for one in captions if one] == [
        "/charts/reliability.FORM",
        "/charts/skill.FORM",
        "/charts/week.FORM",
    ]


def test_every_chart_can_be_had_as_a_picture_and_as_a_specification(pages: TestClient) -> None:
    found = set()
    for path in PAGES.values():
        for one in Html(pages.get(path).text).all("div", class_="plot"):
            address = (one.attributes["data-chart"] or "").replace("THEME", "dark")
            found.add(address.partition(".")[0])
            picture = pages.get(address.replace("FORM", "svg"))
            assert picture.headers["content-type"] == "image/svg+xml"
            assert picture.text.count("<path") > 3
            drawn = pages.get(address.replace("FORM", "json"))
            assert "vega-lite" in drawn.json()["$schema"]
            again = pages.get(
                address.replace("FORM", "json"), headers={"if-none-match": drawn.headers["etag"]}
            )
            assert again.status_code == 304
    assert len(found) == 6


def test_files_are_kept_for_ever_under_the_name_of_their_content(pages: TestClient) -> None:
    html = read(pages, "/")
    names = [one.attributes["href"] for one in html.all("link")]
    names += [one.attributes["src"] for one in html.all("script")]
    for name in names:
        answer = pages.get(name or "")
        assert "immutable" in answer.headers["cache-control"]
        tag = answer.headers["etag"]
        assert pages.get(name or "", headers={"if-none-match": tag}).status_code == 304


def test_nobody_who_watches_no_machine_is_told_that_none_was_lost() -> None:
    with a_service() as service:
        assert losses(service) is None


def test_an_empty_warehouse_has_pages_that_say_so() -> None:
    with a_service(records()[0]) as service:
        client = TestClient(app_of(service), "http://localhost", headers={"accept": "text/html"})
        for name, path in PAGES.items():
            known = {"instance": 404, "problem": 404, "nodes": 404}
            assert client.get(path).status_code == known.get(name, 200), name
        assert "There are no prices yet" in client.get("/").text
        assert "guards no cluster" in client.get("/nodes").text


def test_pages_come_with_the_policy_that_they_are_written_for(pages: TestClient) -> None:
    assert pages.get("/").headers["content-security-policy"] == POLICY
    assert NOW.isoformat()[:10] in pages.get("/").text
