"""``/v1/events``: what is pushed is stored as what is polled, and once."""

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from api.security.principal import Scope
from api.service.state import Service
from collector.providers.alibaba import events as alibaba
from collector.providers.aws import eventbridge
from collector.providers.azure import scheduled_events
from collector.providers.gcp import audit_events
from tests.support.aws import PAYLOADS
from tests.support.market import NOW
from tests.support.served import Known, a_client, a_service, add
from warehouse.records import Record

Event = dict[str, Any]

VALIDATION = {
    "id": "2d1781af-3a4c-4d7c-bd0c-e34b19da4e66",
    "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
    "eventTime": "2026-11-24T08:00:00Z",
    "data": {"validationCode": "512d38b6", "validationUrl": "https://example.invalid/x"},
}


def payload(name: str) -> Event:
    made: Event = json.loads((PAYLOADS / name).read_text(encoding="utf-8"))
    return made


WARNING = payload("aws/event.spot_interruption_warning.json")
REBALANCE = payload("aws/event.rebalance_recommendation.json")
ANNOUNCED = payload("alibaba/event.eventbridge.preemptible_interruption.json")
MONITORED = payload("alibaba/event.cloudmonitor.preemptible_interruption.json")
ENTRY = payload("gcp/audit_log.preempted.json")


def of_aws(event: Event, node: str, at: datetime) -> tuple[Event, Iterable[Record]]:
    """The event of a machine at a time, and what the queue's feed makes of it."""
    made = {**event, "time": at.isoformat(), "detail": {**event["detail"], "instance-id": node}}
    return made, eventbridge.parse(made, observed_at=NOW, machines={})


def of_alibaba(event: Event, node: str, at: datetime) -> tuple[Event, Iterable[Record]]:
    field, when = ("data", "time") if "specversion" in event else ("content", "eventTime")
    made = {**event, when: at.isoformat(), field: {**event[field], "instanceId": node}}
    return made, alibaba.read_message(
        json.dumps(made), observed_at=NOW, source="alibaba.event_queue"
    )


def of_gcp(event: Event, node: str, at: datetime) -> tuple[Event, Iterable[Record]]:
    told = event["protoPayload"]
    path = told["resourceName"].rpartition("/")[0] + f"/{node}"
    entry = {
        **event,
        "timestamp": at.isoformat(),
        "protoPayload": {**told, "resourceName": path},
    }
    data = base64.b64encode(json.dumps(entry).encode()).decode()
    pushed = {"message": {"data": data, "messageId": "1"}, "subscription": "projects/p/x"}
    return pushed, audit_events.parse(audit_events.entry_in({"data": data}), observed_at=NOW)


def of_azure(_: Event, node: str, at: datetime) -> tuple[Event, Iterable[Record]]:
    event = {
        "EventId": "E",
        "EventType": "Preempt",
        "Resources": [node],
        "NotBefore": at.strftime("%a, %d %b %Y %H:%M:%S GMT"),
    }
    made = {"DocumentIncarnation": 1, "Events": [event]}
    return made, scheduled_events.parse(made, observed_at=NOW)


KINDS: Mapping[str, tuple[str, Callable[..., tuple[Event, Iterable[Record]]]]] = {
    "warning": ("aws", partial(of_aws, WARNING)),
    "rebalance": ("aws", partial(of_aws, REBALANCE)),
    "CloudEvent": ("alibaba", partial(of_alibaba, ANNOUNCED)),
    "CloudMonitor": ("alibaba", partial(of_alibaba, MONITORED)),
    "audit log": ("gcp", partial(of_gcp, ENTRY)),
    "scheduled": ("azure", partial(of_azure, {})),
}

nodes = st.from_regex(r"i-[0-9a-f]{17}", fullmatch=True)
moments = st.integers(1, 10**6).map(lambda seconds: NOW - timedelta(seconds=seconds))


@pytest.mark.parametrize("kind", KINDS)
def test_a_pushed_event_is_the_record_of_the_polled_one_and_stored_once(kind: str) -> None:
    cloud, make = KINDS[kind]
    with a_service() as pushed, a_service() as both:
        clients = a_client(pushed), a_client(both)

        @settings(max_examples=8, deadline=None)
        @given(node=nodes, at=moments)
        def holds(node: str, at: datetime) -> None:
            event, polled = make(node=node, at=at)
            records = list(polled)
            add_new(both, records)
            for client in clients:
                answer = client.post(f"/v1/events/{cloud}", json=event)
                assert (answer.status_code, answer.json()["records"]) == (200, len(records))

        holds()
        assert stored(pushed) == stored(both) != []


def add_new(service: Service, records: list[Record]) -> None:
    with service.writing() as warehouse:
        add(warehouse, *records)


def stored(service: Service) -> list[Any]:
    """Interruptions and signals of machines, without when they were stored."""
    with service.reading() as warehouse:
        lost = warehouse.rows("select * exclude observed_at from interruption order by all")
        told = warehouse.rows("from signal where subject is not null order by all")
    return [*lost, *told]


def test_each_push_leaves_a_run_of_its_feed_and_says_what_it_was_worth(client: TestClient) -> None:
    first = client.post("/v1/events/aws", json=[WARNING, REBALANCE])
    again = client.post("/v1/events/aws", json=WARNING)
    assert first.json() == {
        "feed": "aws.push",
        "events": 2,
        "ignored": 0,
        "records": 2,
        "stored": 2,
    }
    assert again.json()["stored"] == 0
    runs = client.get("/v1/feeds/aws.push/runs").json()["items"]
    assert sorted((one["rows_read"], one["rows_new"]) for one in runs) == [(1, 0), (2, 2)]
    (feed,) = [one for one in client.get("/v1/feeds").json()["items"] if one["feed"] == "aws.push"]
    assert (feed["state"], feed["is_planned"], feed["is_late"]) == ("ok", False, False)


@pytest.mark.parametrize(
    ("cloud", "event"),
    [
        ("aws", {**WARNING, "detail-type": "EC2 Fleet Error"}),
        ("aws", {**WARNING, "source": "my.app"}),
        ("alibaba", {**ANNOUNCED, "type": "ecs:Instance:StateChange"}),
        ("gcp", {**ENTRY, "protoPayload": {"methodName": "v1.compute.instances.stop"}}),
        ("azure", {"id": "1", "eventType": "Microsoft.Storage.BlobCreated", "data": {}}),
    ],
)
def test_events_of_other_kinds_are_taken_and_counted(
    client: TestClient, cloud: str, event: Event
) -> None:
    answer = client.post(f"/v1/events/{cloud}", json=event)
    assert answer.status_code == 200
    assert (answer.json()["ignored"], answer.json()["records"]) == (1, 0)


@pytest.mark.parametrize("cloud", ["aws", "alibaba", "gcp", "azure"])
@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"3", b"[" * 100_000, b"9" * 5_000])
def test_what_is_no_event_is_refused_noted_and_not_stored(
    service: Service, client: TestClient, cloud: str, body: bytes
) -> None:
    answer = client.post(f"/v1/events/{cloud}", content=body)
    assert answer.status_code == 422
    assert answer.json()["detail"]
    assert stored(service) == []
    (run,) = client.get(f"/v1/feeds/{cloud}.push/runs").json()["items"]
    assert (run["outcome"], run["error"]) == ("failed", answer.json()["detail"])


def test_one_bad_event_of_a_list_keeps_the_others_out(service: Service, client: TestClient) -> None:
    future = {**WARNING, "detail": {**WARNING["detail"], "instance-action": "explode"}}
    assert client.post("/v1/events/aws", json=[WARNING, future]).status_code == 422
    assert stored(service) == []


texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=12)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def changed(event: Event, path: list[str], value: Any) -> Event:
    """The event with another value somewhere in it."""
    made = json.loads(json.dumps(event))
    here = made
    for name in path[:-1]:
        here = here[name]
    here[path[-1]] = value
    return dict(made)


def paths(event: Event, before: tuple[str, ...] = ()) -> list[list[str]]:
    """The places of all values in an event."""
    found = []
    for name, value in event.items():
        found.append([*before, name])
        if isinstance(value, dict):
            found += paths(value, (*before, name))
    return found


SENT = {
    "aws": (WARNING, REBALANCE, payload("aws/event.health_scheduled_change.json")),
    "alibaba": (ANNOUNCED, MONITORED),
    "gcp": (ENTRY, payload("gcp/pubsub.push.audit_log.json")),
    "azure": (payload("azure/scheduled_events.preempt.json"), VALIDATION),
    "interruptions": (
        {"interruptions": {"provider": "aws", "node": "i", "kind": "taken", "occurred_at": "x"}},
    ),
}


@pytest.mark.parametrize("cloud", SENT)
def test_whatever_is_sent_is_no_fault_of_ours(cloud: str) -> None:
    with a_service() as service:
        client = a_client(service)

        @settings(max_examples=25, deadline=None)
        @given(data=st.data())
        def holds(data: st.DataObject) -> None:
            event = data.draw(st.sampled_from(SENT[cloud]))
            path = data.draw(st.sampled_from(paths(event)))
            times = st.sampled_from(
                ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00", "1e400"]
            )
            body = json.dumps(changed(event, path, data.draw(anything | times)))
            assert client.post(f"/v1/events/{cloud}", content=body).status_code in {200, 422}

        holds()


def test_event_grid_is_answered_in_both_its_handshakes(client: TestClient) -> None:
    asked = client.post(
        "/v1/events/azure", json=[VALIDATION], headers={"aeg-event-type": "SubscriptionValidation"}
    )
    assert asked.json() == {"validationResponse": "512d38b6"}
    origin = {"webhook-request-origin": "eventgrid.azure.net"}
    answer = client.options("/v1/events/azure", headers=origin)
    assert answer.status_code == 200
    assert answer.headers["webhook-allowed-origin"] == "eventgrid.azure.net"
    assert client.options("/v1/events/azure").status_code == 422


def test_our_own_words_need_no_cloud(service: Service, client: TestClient) -> None:
    one = {
        "provider": "aws",
        "region": "us-east-1",
        "zone": "use1-az4",
        "instance_type": "g5.xlarge",
        "node": "i-1",
        "kind": "taken",
        "occurred_at": "2026-11-24T10:00:00+02:00",
    }
    answer = client.post("/v1/events/interruptions", json={"interruptions": [one]})
    assert answer.json()["stored"] == 1
    with service.reading() as warehouse:
        ((node, at, source),) = warehouse.rows("select node, occurred_at, source from interruption")
    assert (node, at, source) == (
        "i-1",
        datetime(2026, 11, 24, 8, tzinfo=UTC),
        "interruptions.push",
    )
    naive = {**one, "occurred_at": "2026-11-24T10:00:00"}
    wrong = client.post("/v1/events/interruptions", json={"interruptions": [naive]})
    assert wrong.json()["errors"][0]["field"] == "body.interruptions.0.occurred_at"
    late = {**one, "occurred_at": "2027-11-24T10:00:00Z"}
    refused = client.post("/v1/events/interruptions", json={"interruptions": [late]})
    assert refused.status_code == 422
    assert "future" in refused.json()["detail"]


def test_a_key_that_only_reads_pushes_nothing(service: Service) -> None:
    client = a_client(service, Known(Scope.READ, Scope.ACT))
    assert client.post("/v1/events/aws", json=WARNING).status_code == 403
    pushing = a_client(service, Known(Scope.INGEST))
    assert pushing.post("/v1/events/aws", json=WARNING).status_code == 200
    assert pushing.get("/v1/feeds").status_code == 403
