"""``/v1/nodes`` and ``/v1/replacements``: what is at risk, what is done, and who asked for it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from advisor.replacement.records import DisruptionBudget, Evidence, EvidenceKind, HandOver
from advisor.risk.verification import Verdict
from api.guard.report import Mode
from api.security.principal import Scope
from api.service.state import Service
from tests.support.guard import FakeGuardedCluster, a_cluster, a_forecast, a_node, foretell
from tests.support.guard_watch import Watch
from tests.support.market import NOW, a_pool, a_price
from tests.support.served import Known, a_client, a_service

ELSEWHERE = a_pool(zone="use1-az6")


@pytest.fixture
def cluster() -> FakeGuardedCluster:
    """Two nodes of one pool, one of a pool without a forecast, one on demand."""
    made = a_cluster("a", "b")
    made.nodes["c"] = a_node("c", ELSEWHERE)
    made.nodes["d"] = a_node("d", is_spot=False)
    return made


@pytest.fixture
def service() -> Iterator[Service]:
    """Forecasts that the pool of ``a`` and ``b`` is about to be lost."""
    with a_service(a_price(0.6)) as made:
        with made.writing() as warehouse:
            rows = [a_forecast(minutes, 0.9) for minutes in (15, 60, 360, 1440)]
            foretell(warehouse, *rows)
        yield made


def guarded(service: Service, watch: Watch | None) -> TestClient:
    known = Known(Scope.READ, Scope.ACT, name="on-call")
    return a_client(replace(service, guard=watch), known)


def nodes(client: TestClient, **asked: Any) -> dict[str, dict[str, Any]]:
    items = client.get("/v1/nodes", params=asked).json()["items"]
    return {one["node"]: one for one in items}


def test_without_a_guard_there_are_no_nodes_and_it_is_said(client: TestClient) -> None:
    page = client.get("/v1/nodes").json()
    assert (page["items"], page["is_guarded"], page["mode"]) == ([], False, None)
    assert "watches no cluster" in page["notes"][0]


def test_each_node_comes_with_its_risk_and_what_follows(
    service: Service, cluster: FakeGuardedCluster
) -> None:
    watch = Watch(service, cluster, Mode.OBSERVE)
    client = guarded(service, watch)
    assert "first look" in client.get("/v1/nodes").json()["notes"][0]
    watch.look()
    found = nodes(client)
    assert {name: one["standing"] for name, one in found.items()} == {
        "a": "at risk",
        "b": "at risk",
        "c": "unknown",
        "d": "not spot",
    }
    assert found["a"]["verdict"].startswith("replace by")
    assert list(nodes(client, standing="unknown")) == ["c"]
    page = client.get("/v1/nodes").json()
    assert page["notes"] == ["1 nodes are of unknown risk, which is no low risk."]
    assert (page["mode"], page["data_as_of"]) == ("observe", "2026-11-24T09:00:00Z")


@pytest.mark.parametrize("probability", [0.0001, 0.9])
def test_a_forecast_without_proven_skill_is_unknown_and_not_safe(
    cluster: FakeGuardedCluster, probability: float
) -> None:
    with a_service(a_price()) as service:
        with service.writing() as warehouse:
            foretell(warehouse, *(a_forecast(one, probability) for one in (15, 60)))
        for verdict in Verdict:
            watch = Watch(service, cluster, Mode.OBSERVE, verdict)
            watch.look()
            one = nodes(guarded(service, watch))["a"]
            known = "at risk" if probability > 0.5 else "below threshold"
            assert one["standing"] == (known if verdict is Verdict.SKILL else "unknown")
            assert one["may_act"] == (verdict is Verdict.SKILL)


def test_a_node_that_its_cloud_takes_comes_first_with_a_countdown_and_what_blocks_it(
    service: Service, cluster: FakeGuardedCluster
) -> None:
    takes_at = NOW + timedelta(seconds=90)
    cluster.said = [Evidence("c", EvidenceKind.NOTICE, NOW, takes_at)]
    (pod,) = cluster.nodes["b"].pods
    pdb = DisruptionBudget("default", "llm", 0)
    cluster.nodes["b"] = replace(
        cluster.nodes["b"], pods=(replace(pod, budgets=(pdb,), is_held=True),)
    )
    watch = Watch(service, cluster)
    watch.look()
    found = nodes(guarded(service, watch))
    first = next(iter(found.values()))
    assert (first["node"], first["seconds_left"]) == ("c", 90.0)
    assert first["said"] == [EvidenceKind.NOTICE.value]
    assert first["hand_over_state"] is not None
    assert found["b"]["blocked_by"] == ["default/llm"]
    assert "do-not-disrupt" in found["b"]["held_because"]
    assert found["a"]["hand_over_gives_up_at"] > found["a"]["hand_over_since"]


def test_hand_overs_are_listed_with_their_audit_and_what_they_cost(
    service: Service, cluster: FakeGuardedCluster
) -> None:
    watch = Watch(service, cluster)
    client = guarded(service, watch)
    for _ in range(3):
        watch.look()
    listed = client.get("/v1/replacements").json()["items"]
    assert {one["node"] for one in listed} == {"a", "b"}
    one = client.get(f"/v1/replacements/{listed[0]['replacement_id']}").json()
    assert [step["sequence"] for step in one["transitions"]] == list(
        range(1, len(one["transitions"]) + 1)
    )
    assert any(done["action"] == "retire" for done in one["actions"])
    assert one["asked_by"] is None
    first = client.get("/v1/replacements?limit=1").json()
    rest = client.get(f"/v1/replacements?limit=5&cursor={first['next_cursor']}").json()
    assert first["items"] + rest["items"] == listed
    assert client.get("/v1/replacements?state=done").json()["items"] == []
    assert len(client.get("/v1/replacements?node=a&provider=aws").json()["items"]) == 1
    assert client.get("/v1/replacements/none-such").status_code == 404


def test_a_node_that_is_asked_for_is_replaced_once_by_whoever_asked(
    service: Service, cluster: FakeGuardedCluster
) -> None:
    client = guarded(service, Watch(service, cluster))
    asked, key = {"node": "c", "reason": "new kernel"}, {"idempotency-key": "k-1"}
    first = client.post("/v1/replacements", json=asked, headers=key)
    again = client.post("/v1/replacements", json=asked, headers=key)
    assert first.status_code == again.status_code == 202
    assert first.json() == again.json()
    assert first.headers["location"].endswith(first.json()["replacement_id"])
    assert first.json()["asked_by"] == "on-call"
    assert "new kernel" in first.json()["reason"]
    assert len(client.get("/v1/replacements").json()["items"]) == 1
    other = client.post("/v1/replacements", json={"node": "a"}, headers=key)
    assert (other.status_code, "another node" in other.json()["detail"]) == (409, True)


def test_a_request_that_comes_twice_at_once_begins_one_hand_over(
    service: Service, cluster: FakeGuardedCluster
) -> None:
    class Late(Watch):
        """The other request is through between our look and our asking."""

        def ask_for(self, node: str, reason: str, by: str, key: str | None = None) -> HandOver:
            super().ask_for(node, reason, by, key)
            return super().ask_for(node, reason, by, key)

    client = guarded(service, Late(service, cluster))
    key = {"idempotency-key": "k-1"}
    answer = client.post("/v1/replacements", json={"node": "c"}, headers=key)
    assert answer.status_code == 202
    assert answer.json()["node"] == "c"
    assert client.post("/v1/replacements", json={"node": "a"}).status_code == 409


def test_a_node_that_must_not_be_replaced_is_refused_with_the_reason(
    service: Service, cluster: FakeGuardedCluster
) -> None:
    client = guarded(service, Watch(service, cluster))

    def refused(node: str) -> str:
        answer = client.post("/v1/replacements", json={"node": node})
        assert answer.status_code == 409
        return str(answer.json()["detail"])

    assert "no such node" in refused("zzz")
    assert "no spot machine" in refused("d")
    assert client.post("/v1/replacements", json={"node": "c"}).status_code == 202
    assert "under way" in refused("c")


@pytest.mark.parametrize("mode", [None, Mode.OBSERVE, Mode.ADVISE])
def test_nothing_is_replaced_where_no_guard_acts(
    service: Service, cluster: FakeGuardedCluster, mode: Mode | None
) -> None:
    client = guarded(service, Watch(service, cluster, mode) if mode else None)
    answer = client.post("/v1/replacements", json={"node": "a"})
    assert answer.status_code == 409
    assert "--guard act" in answer.json()["detail"]
    assert client.get("/v1/replacements").json()["items"] == []


def test_only_a_key_that_acts_may_ask(service: Service, cluster: FakeGuardedCluster) -> None:
    watched = replace(service, guard=Watch(service, cluster))
    local = a_client(watched)
    assert local.post("/v1/replacements", json={"node": "a"}).status_code == 403
