"""Debian's Chromium as a test drives it: what it complains of, and when a page is drawn."""

from pathlib import Path

from playwright.sync_api import Page, expect

CHROMIUM = Path("/usr/bin/chromium")
SHOTS = Path(__file__).resolve().parents[2] / "data" / "screenshots"
"""Pictures of the pages, for a person to look at; git ignores them."""


class Complaints:
    """What a browser says of a page, and what it asks of others."""

    def __init__(self, page: Page, origin: str) -> None:
        self.said: list[str] = []
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("console", lambda one: self.said.append(one.text) if one.type == "error" else None)
        page.on("requestfailed", lambda one: self.said.append(f"failed: {one.url}"))
        own = (origin, "data:", "blob:")
        page.on(
            "request",
            lambda one: None if one.url.startswith(own) else self.said.append(f"off: {one.url}"),
        )


def draw(page: Page) -> None:
    """Wait until every chart is there."""
    for number in range(page.locator("[data-chart]").count()):
        plot = page.locator("[data-chart]").nth(number)
        plot.scroll_into_view_if_needed()
        expect(plot.locator("svg.marks").first).to_be_visible(timeout=20_000)
