"""The pages in a real browser: what it draws, what it asks for, and what it complains of."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped] # no stubs
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from tests.support.browser import CHROMIUM, SHOTS, Complaints, draw
from tests.support.dashboard import a_full_service, listening

PAGES = {
    "overview": "/",
    "alerts": "/alerts",
    "risk": "/risk",
    "search": "/search?gpus=1&provider=aws&region=us-east-1",
    "instance": "/aws?instance=g5.xlarge&region=us-east-1",
    "lead-time": "/lead-time",
    "nodes": "/nodes?replacement=gone-1",
    "plan": "/plan",
    "verification": "/verification",
}
LOOKS: dict[str, dict[str, Any]] = {
    "en-light": {"locale": "en-GB", "color_scheme": "light"},
    "zh-dark": {"locale": "zh-CN", "color_scheme": "dark"},
}
PHONE = {"locale": "en-GB", "viewport": {"width": 390, "height": 844}}
SERIOUS = {"serious", "critical"}

pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason="no Chromium here: apt-get install chromium"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        made = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    """Where the pages are served."""
    with a_full_service() as service, listening(service) as address:
        yield address


@pytest.fixture
def context(browser: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    """A reader; a test may say with which settings."""
    made = browser.new_context(**getattr(request, "param", LOOKS["en-light"]))
    yield made
    made.close()


@pytest.mark.parametrize(("context", "look"), [(one, name) for name, one in LOOKS.items()],
                         indirect=["context"], ids=LOOKS)  # fmt: skip
def test_every_page_opens_without_complaint_and_can_be_used_by_everybody(
    context: BrowserContext, origin: str, look: str
) -> None:
    page = context.new_page()
    complaints = Complaints(page, origin)
    for name, path in PAGES.items():
        page.goto(origin + path)
        draw(page)
        page.screenshot(path=SHOTS / f"{name}-{look}.png", full_page=True)
        faults = [
            (one["id"], one["nodes"][0]["html"], one["nodes"][0]["failureSummary"])
            for one in Axe().run(page).response["violations"]
            if one["impact"] in SERIOUS
        ]
        assert not faults, (name, faults)
        width = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert width <= 0, name
        assert not complaints.said, name


@pytest.mark.parametrize("context", [PHONE], indirect=True, ids=["phone"])
def test_no_page_is_wider_than_a_phone(context: BrowserContext, origin: str) -> None:
    page = context.new_page()
    for name, path in PAGES.items():
        page.goto(origin + path)
        page.screenshot(path=SHOTS / f"{name}-phone.png")
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name


def test_the_time_that_a_node_has_left_runs_on(context: BrowserContext, origin: str) -> None:
    page = context.new_page()
    page.goto(f"{origin}/nodes")
    left = page.locator("[data-left]")
    first = left.text_content() or ""
    assert first.startswith("1:")
    expect(left).not_to_have_text(first)


def test_charts_have_marks(context: BrowserContext, origin: str) -> None:
    page = context.new_page()
    page.goto(origin + PAGES["instance"])
    draw(page)
    prices = page.locator("[data-chart^='/charts/prices']")
    assert prices.locator("g.mark-line path").count() == 3
    assert page.locator("[data-chart^='/charts/forecasts'] g.mark-symbol path").count() > 50


@pytest.mark.parametrize("context", [{"java_script_enabled": False}], indirect=True)
def test_without_scripts_charts_are_pictures(context: BrowserContext, origin: str) -> None:
    page = context.new_page()
    page.goto(origin + PAGES["instance"], wait_until="load")
    images = page.locator("figure img")
    assert images.count() == 2
    box = images.first.bounding_box()
    assert box is not None
    assert box["height"] > 200
    assert "Step chart" in (images.first.get_attribute("alt") or "")
    assert not page.locator("button.copy").first.is_visible()


def test_a_search_is_sent_by_its_form_and_leaves_a_clean_address(
    context: BrowserContext, origin: str
) -> None:
    page = context.new_page()
    page.goto(f"{origin}/search")
    page.get_by_label("GPU model").fill("T4")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("heading", name="1 offerings")).to_be_visible()
    assert page.url == f"{origin}/search?gpu_model=T4&sort=cost"
    page.get_by_role("link", name="g4dn.xlarge").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("g4dn.xlarge")


def test_alerts_are_filtered_by_a_form_and_lead_to_their_reason(
    context: BrowserContext, origin: str
) -> None:
    page = context.new_page()
    page.goto(f"{origin}/")
    page.get_by_role("link", name="Alerts 4 firing").click()
    page.get_by_label("Severity").select_option("critical")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("table.alerts").first.locator("tbody tr")).to_have_count(1)
    assert page.url == f"{origin}/alerts?severity=critical&resolved=24h"
    page.get_by_role("link", name="g5.xlarge", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("g5.xlarge")


@pytest.mark.parametrize("context", [{"java_script_enabled": False}], indirect=True)
def test_an_alert_has_an_address_of_its_own_without_scripts(
    context: BrowserContext, origin: str
) -> None:
    page = context.new_page()
    page.goto(f"{origin}/alerts?state=unknown&rule=job_failed")
    last = page.locator("a.anchor").last
    last.click()
    shown = page.locator(f"tr{(last.get_attribute('href') or '')}")
    expect(shown).to_be_in_viewport()
    background = shown.locator("th").evaluate("one => getComputedStyle(one).backgroundColor")
    assert background == "rgb(232, 240, 254)"


def test_what_is_copied_is_valid_yaml(context: BrowserContext, origin: str) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(origin + PAGES["search"])
    page.locator("summary", has_text="NodePool (YAML)").click()
    page.get_by_role("button", name="Copy NodePool (YAML)").click()
    expect(page.locator("#said")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert yaml.safe_load(copied)["kind"] == "NodePool"


def test_the_keyboard_shows_where_a_number_is_from_and_escape_hides_it(
    context: BrowserContext, origin: str
) -> None:
    page = context.new_page()
    page.goto(origin + PAGES["search"])
    value = page.locator("button.fact-value").first
    value.focus()
    hint = page.locator(f"#{value.get_attribute('aria-describedby')}")
    expect(hint).to_be_visible()
    expect(hint).to_contain_text("Source:")
    page.keyboard.press("Escape")
    expect(hint).to_be_hidden()


def test_the_first_key_leads_past_the_menu(context: BrowserContext, origin: str) -> None:
    page = context.new_page()
    page.goto(f"{origin}/risk")
    page.keyboard.press("Tab")
    expect(page.locator("a.skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_theme_can_be_chosen_against_the_system(
    context: BrowserContext, origin: str, theme: str
) -> None:
    page = context.new_page()
    page.goto(f"{origin}/?theme={theme}")
    page.goto(f"{origin}/risk")
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (colour == "rgb(14, 18, 23)") == (theme == "dark")
