"""What every provider and every feed must be, found by being there."""

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from collector.provider import Feed, Progress, Source
from collector.replay import ReplayServer
from collector.run import run_feed
from tests.support.feeds import CASES, KNOWN, NOW, Case, each, facts, replay_server, source_for
from warehouse.records import RunOutcome, Semantics
from warehouse.store import Warehouse

DOCS = Path(__file__).parents[2] / "docs" / "providers"
IMPURE = {"now", "today", "time", "monotonic", "urlopen", "get_json", "request", "page", "getenv"}
"""Names that a pure function calls nothing by."""


@pytest.fixture(scope="module")
def server() -> Iterator[ReplayServer]:
    with replay_server() as made:
        yield made


def module_of(feed: Feed) -> Any:
    return import_module(feed.collect.__module__)


def test_there_are_five_providers_and_twenty_five_feeds_at_least() -> None:
    assert set(KNOWN) >= {"aws", "alibaba", "gcp", "azure", "public", "kubernetes"}
    assert len(CASES) >= 25


def test_no_two_feeds_have_one_name() -> None:
    names = [case.name for case in CASES]

    assert len(names) == len(set(names))


@pytest.mark.parametrize("case", CASES, ids=each(CASES))
def test_a_feed_says_what_it_is(case: Case) -> None:
    feed = case.feed

    assert re.fullmatch(rf"{case.provider.name}\.[a-z0-9_]+", feed.name)
    assert feed.title
    assert len(feed.meaning) > 60
    assert feed.meaning.endswith(".")
    assert timedelta(seconds=30) <= feed.cadence <= timedelta(days=7)
    assert isinstance(feed.semantics, Semantics)


@pytest.mark.parametrize("case", CASES, ids=each(CASES))
def test_a_feed_that_needs_an_account_says_what_it_may_do_there(case: Case) -> None:
    if case.feed.needs_account:
        assert case.feed.permissions
    else:
        assert not case.feed.permissions


@pytest.mark.parametrize("case", CASES, ids=each(CASES))
def test_a_feed_is_explained_on_its_providers_page(case: Case) -> None:
    page = (DOCS / f"{case.provider.name}.md").read_text(encoding="utf-8")

    assert f"`{case.feed.name}`" in page
    for permission in case.feed.permissions:
        action = permission.rpartition(":")[2]
        # A verb and a resource, in Kubernetes' words: the page's role names each by itself.
        verb, _, resource = action.rpartition(" ")
        assert verb in page
        assert resource.partition(".karpenter.sh")[0] in page


@pytest.mark.parametrize("case", CASES, ids=each(CASES))
def test_parsing_is_pure(case: Case) -> None:
    parse = module_of(case.feed).parse

    given = [str(one.annotation) for one in inspect.signature(parse).parameters.values()]
    assert not any("Source" in one or "Fetcher" in one or "Connection" in one for one in given)
    tree = ast.parse(inspect.getsource(parse))
    called = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    }
    assert called.isdisjoint(IMPURE)


@pytest.mark.parametrize("case", CASES, ids=each(CASES))
def test_the_replayed_payload_gives_rows_and_a_second_run_adds_none(
    server: ReplayServer, warehouse: Warehouse, case: Case
) -> None:
    with source_for(case, server.url) as source:
        first = run_feed(warehouse, case.feed, source(), lambda: NOW).result
        stored = facts(warehouse.rows)
        second = run_feed(warehouse, case.feed, source(), lambda: NOW).result

    assert (first.outcome, second.outcome) == (RunOutcome.OK, RunOutcome.OK), (first, second)
    assert first.rows_new
    assert second.rows_new == 0
    assert facts(warehouse.rows) == stored


@pytest.mark.parametrize("case", CASES, ids=each(CASES))
def test_what_a_run_leaves_for_the_next_is_taken_up_and_adds_nothing(
    server: ReplayServer, warehouse: Warehouse, case: Case
) -> None:
    progress, outcomes, counts = Progress(), [], []
    with source_for(case, server.url) as source:
        for number in range(3):
            now = NOW + timedelta(seconds=number)
            since = NOW if number else None
            one = replace(source(progress), since=since, now=now)
            outcomes.append(run_feed(warehouse, case.feed, one, lambda: NOW).result.outcome)
            progress = Progress(cursor=one.progress.cursor, pages=one.progress.pages)
            counts.append(facts(warehouse.rows))

    # The second run of a watch brings what changed since the list; a third has nothing new.
    assert set(outcomes) <= {RunOutcome.OK, RunOutcome.UNCHANGED}
    assert counts[2] == counts[1]


def records(case: Case, source: Callable[[], Source]) -> list[str]:
    return [repr(one) for one in case.feed.collect(source())]


@pytest.mark.parametrize("case", CASES, ids=each(CASES))
def test_the_same_payload_always_gives_the_same_records(server: ReplayServer, case: Case) -> None:
    with source_for(case, server.url) as source:
        assert records(case, source) == records(case, source)


@pytest.mark.parametrize("name", KNOWN)
def test_a_provider_without_a_setting_says_what_to_set_and_connects_to_nothing(name: str) -> None:
    provider = KNOWN[name]

    missing = provider.missing({})
    if any(feed.needs_account for feed in provider.feeds):
        assert missing
        assert all(len(one) > 20 for one in missing)
    assert provider.missing(provider.replay_environ) == []
    assert provider.default_regions or name in {"public", "kubernetes"}
