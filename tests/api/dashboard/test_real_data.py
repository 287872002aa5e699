"""The pages with real market data, where it is at hand: fresh enough, and all of it stale."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from api.service.state import Service, service_of
from api.settings import settings_from
from collector.history import KINDS, load_file
from collector.watchlist import Watchlist
from tests.support.browser import CHROMIUM, SHOTS, Complaints, draw
from tests.support.dashboard import listening
from warehouse.store import Warehouse

FILES = {
    "instance_types": "instance-types",
    "on_demand": "on-demand",
    "prices_alibaba_snapshot": "prices",
    "prices_aws_daily": "prices",
    "signals_aws_advisor": "signals",
}
"""Of the files at hand, and of what kind each is: those of two clouds."""

MOMENTS = {
    "fresh": datetime(2026, 3, 31, 12, tzinfo=UTC),
    "stale": datetime(2026, 11, 24, tzinfo=UTC),
}
PAGES = {
    "overview": "/",
    "alerts": "/alerts",
    "risk": "/risk?provider=aws",
    "search": "/search?gpus=1",
    "instance": "/aws?instance=g5.xlarge&region=us-east-1",
    "lead-time": "/lead-time",
    "nodes": "/nodes",
    "plan": "/plan",
    "verification": "/verification",
}


@contextmanager
def _service(folder: Path, now: datetime) -> Generator[Service]:
    with Warehouse.in_memory() as warehouse:
        for name, kind in FILES.items():
            for path in sorted((folder / "import").glob(f"{name}*")):
                load_file(warehouse, KINDS[kind], path, clock=lambda: now)
        yield service_of(warehouse, settings_from({}), lambda: now, Watchlist())


@pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium here: apt-get install chromium")
@pytest.mark.parametrize("moment", MOMENTS)
def test_every_page_opens_with_real_data(real_data: Path, moment: str) -> None:
    with (
        _service(real_data, MOMENTS[moment]) as service,
        listening(service) as origin,
        sync_playwright() as driver,
    ):
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        complaints = Complaints(page, origin)
        for name, path in PAGES.items():
            page.goto(origin + path)
            draw(page)
            SHOTS.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=SHOTS / f"real-{name}-{moment}.png", full_page=True)
            assert not complaints.said, name
        page.goto(f"{origin}/search?gpus=1")
        stale = page.locator("tbody .tag.is-stale")
        assert page.locator("tbody tr").count() == 25
        expect(stale.first).to_be_visible()
        assert (stale.count() == 25) or moment == "fresh"
        browser.close()
