"""Manifests that are almost right: each is answered or refused, and none ends in a 5xx."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.test_kserve import TALK
from tests.support.served import a_client, a_service

AWS = {"policy": {"provider": ["aws"], "region": ["us-east-1"]}, "demand": {"gpus": 1}}
JUNK: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(None, 0, -1, 2**62, 1.5, True, "", "x", "10%", "a/b", "1e9", "\0"),
        *([], [1], ["a"], [None], [{}], [["a"]], {}, {"a": 1}, {"a": {"b": "c"}}, {"key": "a"}),
    ]
)
CLAIM = {
    "apiVersion": "karpenter.sh/v1",
    "kind": "NodeClaim",
    "metadata": {
        "name": "one",
        "creationTimestamp": "2026-11-01T00:00:00Z",
        "labels": {
            "karpenter.sh/nodepool": "gpu-spot",
            "node.kubernetes.io/instance-type": "g5.xlarge",
        },
    },
    "status": {"conditions": [{"type": "Launched", "status": "True"}]},
}
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "a", "labels": {"app": "a"}},
    "spec": {
        "nodeSelector": {"kubernetes.io/arch": "amd64"},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "topology.kubernetes.io/zone",
                "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": {"matchLabels": {"app": "a"}},
            }
        ],
        "containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}],
    },
}
Place = tuple[str | int, ...]


@pytest.fixture(scope="module")
def asked() -> Iterator[TestClient]:
    """A client for all examples: nothing that is asked changes the service."""
    with a_service() as service:
        yield a_client(service)


@pytest.fixture(scope="module")
def nodepool(asked: TestClient) -> Any:
    """A NodePool with all that one has."""
    body = {**AWS, "gpu_limit": 8, "warming_taint": True}
    made = asked.post("/v1/nodepool", json=body, headers={"accept": "application/json"})
    return made.json()["items"]


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Where each value within ``value`` stands."""
    if at:
        yield at
    inner: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    for key, one in inner:
        yield from places(one, (*at, key))


@st.composite
def spoilt(draw: st.DrawFn, manifests: Any) -> Any:
    """The manifests with one value replaced, or gone."""
    made = copy.deepcopy(manifests)
    *way, last = draw(st.sampled_from(list(places(made))))
    holder = made
    for key in way:
        holder = holder[key]
    if draw(st.booleans()):
        holder[last] = copy.deepcopy(draw(JUNK))
    else:
        del holder[last]
    return made


QUICK = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@QUICK
@given(data=st.data())
def test_no_nodepool_breaks_a_plan_or_a_claim(
    asked: TestClient, nodepool: Any, data: st.DataObject
) -> None:
    bad = data.draw(spoilt(nodepool))
    for path, body in (
        ("/v1/nodeclaim", {"nodepool": bad}),
        ("/v1/plan", {"current": bad, "nodes": [CLAIM]}),
        ("/v1/plan", {"current": nodepool, "wanted": bad, "template": True}),
        ("/v1/plan", {"current": nodepool, "nodes": data.draw(spoilt([CLAIM]))}),
    ):
        assert asked.post(path, json={**AWS, **body}).status_code in {200, 404, 422}


@QUICK
@given(data=st.data())
def test_no_pod_breaks_a_packing(asked: TestClient, data: st.DataObject) -> None:
    body = {"pods": data.draw(spoilt([POD])), "time_limit_seconds": 0.1}
    assert asked.post("/v1/pack", json={**AWS, **body}).status_code in {200, 422}


@QUICK
@given(data=st.data())
def test_no_service_breaks_a_check_or_a_demand(asked: TestClient, data: st.DataObject) -> None:
    served = list(yaml.safe_load_all(Path(TALK).read_text(encoding="utf-8")))
    bad = data.draw(spoilt([one for one in served if one]))
    check = asked.post("/v1/kserve/check", json={"manifests": bad, "provider": "aws"})
    demand = asked.post("/v1/kserve/demand", json={"manifests": bad})
    assert {check.status_code, demand.status_code} <= {200, 404, 422}
