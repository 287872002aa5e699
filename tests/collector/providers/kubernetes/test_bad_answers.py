"""Bad answers to lists and watches: told by the right error, nothing stored, nothing lost."""

import json

import pytest

from collector.errors import (
    NotOfferedError,
    SourceChangedError,
    SourceDeniedError,
    SourceError,
    SourceUnavailableError,
)
from collector.provider import Feed
from collector.providers.kubernetes import PROVIDER
from collector.providers.kubernetes.client import HOST, KubernetesConnection
from collector.providers.kubernetes.nodes import FEED as NODES_FEED
from collector.run import progress
from tests.support.kubernetes import (
    NODES,
    Clock,
    FakeCluster,
    a_node,
    api_server,
    cluster_at,
    line,
    run_at,
)
from tests.support.loopback import BAD_ANSWERS, Answer, always, loopback
from warehouse.records import RunOutcome
from warehouse.store import Warehouse

FEEDS = {feed.name: feed for feed in PROVIDER.feeds}
NODECLAIMS = "kubernetes.nodeclaims"


def cursor(feed: Feed = NODES_FEED) -> str:
    """The note of a run that knew of nothing."""
    connection = KubernetesConnection({}, clock=Clock(), endpoint="http://127.0.0.1:9")
    identity = connection.identity(connection.credentials("test"))
    known: dict[str, object] = {"pending": {}, "unlaunched": {}} if feed.name == NODECLAIMS else {}
    return json.dumps({"cluster": identity, "version": "7", "known": known})


def raised(feed: Feed, answer: Answer, *, is_watch: bool) -> SourceError | None:
    """What the feed raises on that answer to all it asks; None if it is content."""
    with loopback(always(answer)) as server, cluster_at(server.url) as source:
        if is_watch:
            source.progress.cursor = cursor(feed)
        try:
            list(feed.collect(source))
        except SourceError as error:
            return error
    return None


@pytest.mark.parametrize("name", FEEDS)
@pytest.mark.parametrize("kind", BAD_ANSWERS)
def test_a_bad_list_is_told_by_the_right_error(name: str, kind: str) -> None:
    answer, expected = BAD_ANSWERS[kind]
    if kind == "404" and name == NODECLAIMS:
        expected = NotOfferedError

    error = raised(FEEDS[name], answer, is_watch=False)

    assert isinstance(error, expected)
    assert str(error).startswith(f"{name}: ")


@pytest.mark.parametrize("name", FEEDS)
@pytest.mark.parametrize("kind", [kind for kind in BAD_ANSWERS if kind != "empty"])
def test_a_bad_watch_is_told_by_the_right_error(name: str, kind: str) -> None:
    answer, expected = BAD_ANSWERS[kind]
    if kind == "404" and name == NODECLAIMS:
        expected = NotOfferedError
    if kind == "cut gzip":
        # Any watch may be cut: what was whole is kept, the rest is told again.
        expected = SourceUnavailableError

    error = raised(FEEDS[name], answer, is_watch=True)

    assert isinstance(error, expected)
    assert str(error).startswith(f"{name}: ")


@pytest.mark.parametrize("name", FEEDS)
def test_a_watch_without_news_is_no_fault(name: str) -> None:
    assert raised(FEEDS[name], Answer(b""), is_watch=True) is None


def test_a_busy_server_says_when_to_come_back() -> None:
    answer = Answer(b"", 429, {"retry-after": "7"})

    for is_watch in (False, True):
        error = raised(NODES_FEED, answer, is_watch=is_watch)
        assert isinstance(error, SourceUnavailableError)
        assert error.retry_after_seconds == 7


@pytest.mark.parametrize("name", FEEDS)
def test_a_refusal_names_what_to_grant(name: str) -> None:
    error = raised(FEEDS[name], Answer(b"", 403), is_watch=False)

    resource = {"nodeclaims": "nodeclaims.karpenter.sh"}.get(name.split(".")[1], name.split(".")[1])
    assert isinstance(error, SourceDeniedError)
    assert f"grant list and watch on {resource} " in str(error)


@pytest.mark.parametrize(
    ("body", "expected", "words"),
    [
        (line("RESYNC", {}), SourceChangedError, "nodes: type is 'RESYNC'"),
        (b'{"object": {}}\n', SourceChangedError, "missing 'type'"),
        (b'{"type": "ADDED"}\n', SourceChangedError, "missing 'object'"),
        (line("ADDED", {}), SourceChangedError, "missing 'metadata'"),
        (line("BOOKMARK", {"metadata": {}}), SourceChangedError, "missing 'resourceVersion'"),
        (b"{oops}\n", SourceChangedError, "not JSON"),
        (b"7\n", SourceChangedError, "a line is 7, not an object"),
        (b'{"type": "ADDED", "obj', SourceUnavailableError, "cut inside a line"),
        (line("ERROR", {"code": 500}), SourceUnavailableError, "with code 500"),
        (line("ERROR", {"code": 403}), SourceDeniedError, "with code 403"),
        (line("ERROR", {}), SourceChangedError, "an ERROR event: missing 'code'"),
    ],
)
def test_a_line_of_another_form_is_told(
    body: bytes, expected: type[SourceError], words: str
) -> None:
    error = raised(NODES_FEED, Answer(body), is_watch=True)

    assert type(error) is expected
    assert words in str(error)


def test_a_line_without_an_end_is_not_read_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collector.providers.kubernetes.lines.LONGEST_LINE", 1_000)

    error = raised(NODES_FEED, Answer(b"{" + b" " * 2_000), is_watch=True)

    assert isinstance(error, SourceChangedError)
    assert "a line of more than 1000 bytes" in str(error)


def test_a_list_that_goes_round_in_a_circle_is_told() -> None:
    page = {"metadata": {"resourceVersion": "1", "continue": "again"}, "items": []}

    error = raised(NODES_FEED, Answer(json.dumps(page).encode()), is_watch=False)

    assert isinstance(error, SourceChangedError)
    assert "same page token" in str(error)


def test_a_list_whose_pages_expire_is_asked_again_later() -> None:
    error = raised(NODES_FEED, Answer(b"{}", 410), is_watch=False)

    assert isinstance(error, SourceUnavailableError)


@pytest.mark.parametrize("items", ["null", "[]"])
def test_an_empty_cluster_is_no_fault(items: str) -> None:
    body = f'{{"metadata": {{"resourceVersion": "1"}}, "items": {items}}}'

    assert raised(NODES_FEED, Answer(body.encode()), is_watch=False) is None


def test_what_was_read_before_an_error_is_kept_and_the_rest_comes_later(
    warehouse: Warehouse,
) -> None:
    cluster, clock = FakeCluster(objects={NODES: {}}), Clock()

    with api_server(cluster) as url:
        run_at(warehouse, NODES_FEED, url, clock)
        first = a_node("first")
        first["metadata"]["resourceVersion"] = str(cluster.version)
        cluster.put(NODES, a_node("second"))
        cluster.extra = (line("ADDED", first), line("ERROR", {"code": 500}))
        cut = run_at(warehouse, NODES_FEED, url, clock).result
        whole = run_at(warehouse, NODES_FEED, url, clock).result

    assert (cut.outcome, whole.outcome) == (RunOutcome.OK, RunOutcome.OK)
    nodes = warehouse.rows("select distinct node from exposure order by all")
    assert nodes == [("i-first",), ("i-second",)]


def test_a_gone_version_is_listed_anew_in_the_same_run(warehouse: Warehouse) -> None:
    cluster, clock = FakeCluster(objects={NODES: {}}), Clock()

    with api_server(cluster) as url:
        run_at(warehouse, NODES_FEED, url, clock)
        cluster.put(NODES, a_node())
        cluster.forget()
        result = run_at(warehouse, NODES_FEED, url, clock).result

    assert (result.outcome, result.rows_new) == (RunOutcome.OK, 1)
    assert [("watch" in query) for _, query, _ in cluster.asked] == [False, True, False]


def test_an_absent_server_is_told_as_such() -> None:
    with (
        cluster_at("http://127.0.0.1:9") as source,
        pytest.raises(SourceUnavailableError, match="no connection"),
    ):
        list(NODES_FEED.collect(source))


def test_a_watch_that_does_not_end_is_ended_by_us() -> None:
    clock = Clock()

    def answer(_: object) -> Answer:
        clock.pass_by(seconds=61)
        return Answer(line("BOOKMARK", {"metadata": {"resourceVersion": "8"}}))

    with loopback(answer) as server, cluster_at(server.url, clock) as source:
        source.progress.cursor = cursor()
        list(NODES_FEED.collect(source))

    assert json.loads(source.progress.cursor or "")["version"] == "8"


def test_the_note_of_another_cluster_is_not_gone_on_from(warehouse: Warehouse) -> None:
    cluster, clock = FakeCluster(objects={NODES: {}}), Clock()
    cluster.put(NODES, a_node())

    with api_server(cluster) as url:
        run_at(warehouse, NODES_FEED, url, clock)
        kept = progress(warehouse, NODES_FEED.name, "*")
        note = json.loads(kept.cursor or "")
        kept.cursor = json.dumps({**note, "cluster": "another", "version": "1000"})
        cluster.delete(NODES, "node-1")
        with cluster_at(url, clock, progress=kept) as source:
            records = list(NODES_FEED.collect(source))

    assert records == []
    assert "watch" not in cluster.asked[-1][1]


def test_what_is_asked_on_the_wire(warehouse: Warehouse) -> None:
    cluster, clock = FakeCluster(objects={NODES: {}}, page_size=2), Clock()
    for one in range(5):
        cluster.put(NODES, a_node(f"n-{one}"))

    with api_server(cluster) as url:
        for _ in range(2):
            run_at(warehouse, NODES_FEED, url, clock)

    assert [(path, query) for path, query, _ in cluster.asked] == [
        (NODES, {"limit": "500"}),
        (NODES, {"limit": "500", "continue": "2"}),
        (NODES, {"limit": "500", "continue": "4"}),
        (
            NODES,
            {
                "watch": "1",
                "resourceVersion": "105",
                "allowWatchBookmarks": "true",
                "timeoutSeconds": "0",
            },
        ),
    ]
    assert warehouse.rows("select count(distinct node) from exposure") == [(5,)]
    assert HOST == "kubernetes.default"
