"""Azure's notices: asked of the machine's metadata service, or posted by an agent."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.errors import SourceChangedError, UnchangedError
from collector.provider import Progress
from collector.providers.azure import PROVIDER, scheduled_events
from collector.providers.azure.scheduled_events import FEED, NAME
from tests.support.azure import azure_at, collected, in_turn, replayed, serving
from tests.support.loopback import NOW, run
from warehouse.records import Interruption, InterruptionKind, RunOutcome
from warehouse.store import Warehouse

TOLD_AT = datetime(2026, 11, 23, 18, 30, tzinfo=UTC)


def notice(
    node: str = "spot-vmss_3", at: datetime = TOLD_AT, seconds: float = 30.0
) -> Interruption:
    return Interruption(
        provider="azure",
        region=None,
        zone=None,
        instance_type=None,
        node=node,
        kind=InterruptionKind.ANNOUNCED,
        occurred_at=at,
        notice_seconds=seconds,
        source=NAME,
        observed_at=NOW,
    )


def event(**changed: Any) -> dict[str, Any]:
    return {
        "EventId": "E-1",
        "EventStatus": "Scheduled",
        "EventType": "Preempt",
        "ResourceType": "VirtualMachine",
        "Resources": ["spot-vmss_3"],
        "NotBefore": "Mon, 23 Nov 2026 18:30:30 GMT",
        **changed,
    }


def document(*events: Mapping[str, Any], incarnation: object = 7) -> dict[str, Any]:
    return {"DocumentIncarnation": incarnation, "Events": list(events)}


def parsed(**changed: Any) -> list[Interruption]:
    return list(scheduled_events.parse_event(event(**changed), observed_at=NOW))


def pushed(given: Mapping[str, Any]) -> list[Any]:
    assert PROVIDER.pushed is not None
    return list(PROVIDER.pushed(given, NOW))


def test_the_recorded_notice_becomes_an_announced_interruption() -> None:
    with replayed(region="*") as source:
        assert list(FEED.collect(source)) == [notice()]
        assert source.progress.cursor == "7"


def test_the_machine_itself_is_asked() -> None:
    _, sent = collected(FEED, document(event()), connections={})

    assert (sent[0].method, sent[0].url) == ("GET", "169.254.169.254/metadata/scheduledevents")
    assert sent[0].query == {"api-version": "2020-07-01"}
    assert sent[0].headers["metadata"] == "true"


def test_a_list_that_was_read_is_not_read_again() -> None:
    with Warehouse.in_memory() as warehouse, replayed(region="*") as source:
        results = [run(warehouse, FEED, source).result for _ in range(2)]
        rows = warehouse.rows("from interruption")

    assert [one.outcome for one in results] == [RunOutcome.OK, RunOutcome.UNCHANGED]
    assert len(rows) == 1


def test_a_list_read_a_second_time_by_chance_adds_no_rows() -> None:
    with Warehouse.in_memory() as warehouse:
        for minutes in (0, 1):
            with replayed(region="*", now=NOW + timedelta(minutes=minutes)) as source:
                result = run(warehouse, FEED, source).result

    assert (result.outcome, result.rows_new) == (RunOutcome.OK, 0)


def test_an_empty_list_is_no_fault_and_is_noted() -> None:
    with (
        serving(in_turn(document(incarnation=1))) as server,
        azure_at(server.url, region="*") as source,
        Warehouse.in_memory() as warehouse,
    ):
        result = run(warehouse, FEED, source).result

    assert (result.outcome, result.rows_new, source.progress.cursor) == (RunOutcome.OK, 0, "1")


def test_a_list_that_cannot_be_read_is_not_noted_as_read() -> None:
    progress = Progress()
    with pytest.raises(SourceChangedError):
        collected(FEED, document(event(EventType="Vanish")), progress=progress)

    assert progress.cursor is None


def test_the_incarnation_of_the_last_run_ends_this_one() -> None:
    with pytest.raises(UnchangedError):
        collected(FEED, document(event()), progress=Progress(cursor="7"))


def test_each_machine_of_an_event_is_told() -> None:
    assert parsed(Resources=["a_1", "a_2"]) == [notice("a_1"), notice("a_2")]


def test_an_event_that_has_begun_gives_no_notice() -> None:
    for blank in ("", None):
        assert parsed(EventStatus="Started", NotBefore=blank) == [notice(at=NOW, seconds=0.0)]


def test_a_time_of_another_zone_is_the_same_moment() -> None:
    assert parsed(NotBefore="Mon, 23 Nov 2026 19:30:30 +0100") == [notice()]


@pytest.mark.parametrize("kind", ["Freeze", "Reboot", "Redeploy", "Terminate"])
def test_maintenance_and_the_users_own_deletion_are_no_interruptions(kind: str) -> None:
    assert parsed(EventType=kind) == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"EventType": "Vanish"}, "EventType is 'Vanish'"),
        ({"EventType": None}, "EventType is None, not a text"),
        ({"Resources": "spot-vmss_3"}, "not a list of texts"),
        ({"Resources": [5]}, "not a list of texts"),
        ({"NotBefore": "soon"}, "soon"),
        ({"NotBefore": "Mon, 23 Nov 2026 18:30:30 -0000"}, "without a time zone"),
        ({"NotBefore": 5}, "NotBefore is 5, not a text"),
    ],
)
def test_an_odd_event_is_reported_by_its_id(changed: Mapping[str, Any], words: str) -> None:
    with pytest.raises(SourceChangedError) as raised:
        parsed(**changed)

    assert str(raised.value).startswith(f"{NAME}: event E-1: ")
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"Events": []}, "missing 'DocumentIncarnation'"),
        ({"DocumentIncarnation": "7", "Events": []}, "DocumentIncarnation is '7', not a number"),
        ({"DocumentIncarnation": 7}, "missing 'Events'"),
        ({"DocumentIncarnation": 7, "Events": [5]}, "not a list of objects"),
    ],
)
def test_an_odd_list_is_reported(answer: object, words: str) -> None:
    with pytest.raises(SourceChangedError, match=words):
        collected(FEED, answer)


@pytest.mark.parametrize(
    "given",
    [
        document(event()),
        event(),
        {"specversion": "1.0", "type": "agent", "data": document(event())},
        {"specversion": "1.0", "type": "agent", "data": event()},
    ],
)
def test_what_an_agent_posts_is_read_alike(given: Mapping[str, Any]) -> None:
    assert pushed(given) == [notice()]


@pytest.mark.parametrize(
    "given",
    [
        {"id": "1", "eventType": "Microsoft.Resources.ResourceWriteSuccess", "data": {"a": 1}},
        document(),
        event(EventType="Freeze"),
    ],
)
def test_events_of_other_kinds_say_nothing(given: Mapping[str, Any]) -> None:
    assert pushed(given) == []


@pytest.mark.parametrize(
    "given",
    [{}, {"hello": "world"}, {"data": 5}, {"Events": 5}, {"data": {"Events": None}}],
)
def test_a_malformed_event_is_reported(given: Mapping[str, Any]) -> None:
    with pytest.raises(SourceChangedError, match=r"^azure\.scheduled_events: "):
        pushed(given)
