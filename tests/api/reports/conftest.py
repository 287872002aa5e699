"""One report of a full week, made once."""

from collections.abc import Iterator

import pytest

from api.reports.market.document import ReportDocument
from tests.support.reporting import fill, report_of
from warehouse.store import Warehouse


@pytest.fixture(scope="session")
def week() -> Iterator[Warehouse]:
    """A warehouse with something for every section; to be read only."""
    with Warehouse.in_memory() as store:
        fill(store)
        yield store


@pytest.fixture(scope="session")
def weekly(week: Warehouse) -> ReportDocument:
    """The report of that week."""
    return report_of(week)
