"""Bad answers to each public feed: told by the right error, nothing stored."""

from collections.abc import Iterator

import pytest

from collector.errors import SourceError
from collector.providers.public import PROVIDER
from tests.support.loopback import BAD_ANSWERS, always, loopback, run, source_at, stored
from warehouse.records import RunOutcome
from warehouse.store import Warehouse

FEEDS = {feed.name: feed for feed in PROVIDER.feeds}


@pytest.fixture(scope="module")
def warehouse() -> Iterator[Warehouse]:
    """One for all tests: none may leave a fact in it."""
    with Warehouse.in_memory() as opened:
        yield opened


@pytest.mark.parametrize("name", FEEDS)
@pytest.mark.parametrize("kind", BAD_ANSWERS)
def test_a_bad_answer_fails_the_run_by_the_right_error(
    warehouse: Warehouse, name: str, kind: str
) -> None:
    answer, expected = BAD_ANSWERS[kind]

    with loopback(always(answer)) as server:
        with source_at(server.url) as source:
            result = run(warehouse, FEEDS[name], source).result
        with source_at(server.url) as source, pytest.raises(SourceError) as raised:
            list(FEEDS[name].collect(source))

    assert (result.outcome, stored(warehouse)) == (RunOutcome.FAILED, {})
    assert isinstance(raised.value, expected)
    assert str(raised.value).startswith(f"{name}: ")
