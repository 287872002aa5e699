"""The collector's Kubernetes feeds on a real API server.

tests/collector/providers/kubernetes holds them against a server of ours; here it is seen whether
the real one lists, watches, forgets and breaks off as that server does.
"""

import logging
import signal
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from collector.provider import Source
from collector.providers.kubernetes import events, nodeclaims, nodes
from tests.support.control_plane import ControlPlane
from tests.support.kubernetes import expired
from tests.support.watched import Run, claim, event, node, now, version
from warehouse.records import EndedBy, RunOutcome
from warehouse.store import Warehouse

BOOKMARK_SECONDS = 4
"""The server sends its last bookmark two seconds before a watch ends."""


@pytest.mark.smoke
def test_nodes_are_listed_watched_and_seen_to_end(
    plane: ControlPlane, warehouse: Warehouse, run: Run
) -> None:
    for name in ("node-1", "node-2"):
        plane.api.create(node(name))

    first = run()
    plane.api.create(node("node-1", conditions=(expired(now()),)))
    plane.api.delete(node("node-1"))
    plane.api.create(node("node-3"))
    second = run()

    assert (first.outcome, second.outcome) == (RunOutcome.OK, RunOutcome.OK)
    assert warehouse.rows("select node, notice_seconds from interruption") == [("i-node1", 300.0)]
    assert warehouse.rows(
        "select node, ended_by from exposure where ended_at is not null or node <> 'i-node1'"
        " order by all"
    ) == [
        ("i-node1", EndedBy.INTERRUPTED.value),
        ("i-node2", EndedBy.STILL_RUNNING.value),
        ("i-node3", EndedBy.STILL_RUNNING.value),
    ]


def test_a_list_of_several_pages_is_read_whole(
    plane: ControlPlane, warehouse: Warehouse, run: Run
) -> None:
    for number in range(501):
        plane.api.create({k: v for k, v in node(f"n-{number}").items() if k != "status"})

    assert run().outcome == RunOutcome.OK

    assert warehouse.rows("select count(distinct node) from exposure") == [(501,)]


def test_a_quiet_watch_goes_on_from_the_servers_bookmark(
    plane: ControlPlane, warehouse: Warehouse, run: Run
) -> None:
    run()
    before = version(warehouse, nodes.FEED)
    plane.api.create(event("unrelated", {"kind": "Pod", "name": "p"}, "Scheduled"))
    # Somebody's list brings the server's cache of nodes up to date, and with it the bookmark.
    plane.api.every("v1", "Node")

    quiet = run(seconds=BOOKMARK_SECONDS)

    assert (quiet.outcome, quiet.rows_new) == (RunOutcome.OK, 0)
    assert version(warehouse, nodes.FEED) > before


def test_events_of_pods_alone_are_listed_anew_once_their_time_is_forgotten(
    plane: ControlPlane, warehouse: Warehouse, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    run(events.FEED)
    before = version(warehouse, events.FEED)
    for number in range(3):
        plane.api.create(event(f"of-a-pod-{number}", {"kind": "Pod", "name": "p"}, "Scheduled"))
    # The server keeps no cache of events, and so sends no bookmark for them.
    quiet = run(events.FEED, BOOKMARK_SECONDS)
    is_unmoved = version(warehouse, events.FEED) == before
    plane.forget()

    again = run(events.FEED)

    assert is_unmoved
    assert (quiet.rows_new, again.rows_new) == (0, 0)
    assert again.outcome == RunOutcome.OK
    assert "listed_anew resource=events" in caplog.text
    assert version(warehouse, events.FEED) > before


def test_what_the_server_has_forgotten_is_listed_anew(
    plane: ControlPlane, warehouse: Warehouse, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for name in ("stays", "goes"):
        plane.api.create(node(name))
    run()
    plane.api.delete(node("goes"))
    plane.api.create(node("comes"))
    plane.forget()

    again = run()

    assert again.outcome == RunOutcome.OK
    assert "listed_anew resource=nodes" in caplog.text
    assert warehouse.rows(
        "select node, count(*) filter (where ended_by <> 'still_running') from exposure"
        " group by node order by node"
    ) == [("i-comes", 0), ("i-goes", 1), ("i-stays", 0)]


def test_a_server_that_dies_in_the_middle_loses_and_doubles_nothing(
    plane: ControlPlane, warehouse: Warehouse, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    plane.api.create(node("taken"))
    run()
    plane.api.create(node("taken", conditions=(expired(now()),)))

    def cut_short(source: Source) -> Iterator[Any]:
        told = nodes.FEED.collect(source)
        yield next(told)
        with plane.away(signal.SIGKILL):
            yield from told

    cut = run(replace(nodes.FEED, collect=cut_short), seconds=30)
    plane.api.delete(node("taken"))
    after = run()

    assert "watch_cut source=kubernetes.nodes" in caplog.text
    assert (cut.outcome, after.outcome) == (RunOutcome.OK, RunOutcome.OK)
    assert warehouse.rows("select count(*) from interruption") == [(1,)]
    assert warehouse.rows("select ended_by from exposure where ended_at is not null") == [
        (EndedBy.INTERRUPTED.value,)
    ]


def test_a_server_that_is_away_is_told_as_such(plane: ControlPlane, run: Run) -> None:
    run()

    with plane.away():
        away = run()

    assert away.outcome == RunOutcome.FAILED
    assert run().outcome == RunOutcome.OK


def test_karpenters_events_are_found_among_the_others(
    plane: ControlPlane, warehouse: Warehouse, run: Run
) -> None:
    plane.api.create(claim("default-1"))
    run(events.FEED)
    plane.api.create(event("of-the-claim", {"kind": "NodeClaim", "name": "default-1"}))
    plane.api.create(event("of-a-pod", {"kind": "Pod", "name": "default-1"}))

    assert run(events.FEED).rows_new == 1
    assert warehouse.rows("select node, instance_type from interruption") == [("i-1", "g5.xlarge")]


def test_claims_that_stand_without_a_machine_are_told(
    plane: ControlPlane, warehouse: Warehouse, run: Run
) -> None:
    run(nodeclaims.FEED)
    plane.api.create(claim("refused", status="Unknown", reason="InsufficientCapacityError"))

    assert run(nodeclaims.FEED).rows_new == 1
    assert warehouse.rows("select definition, instance_type from signal") == [
        ("kubernetes.unlaunched_nodeclaim", "g5.xlarge")
    ]
