"""Advice over HTTP: the answers of the commands for the same market, bounded and read-only."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient

from advisor.demand_file import read_demand
from api.service.state import SOLVERS, Service
from tests.api.conftest import run as run  # noqa: PLC0414 - a fixture of the folder above
from tests.api.test_kserve import TALK
from tests.support.advised import Both, both_ways, later_than
from tests.support.cli import Run
from tests.support.served import a_client, a_service

AWS = {"policy": {"provider": ["aws"], "region": ["us-east-1"]}, "demand": {"gpus": 1}}
POD = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: serve}
spec:
  replicas: 3
  template:
    spec:
      tolerations: [{key: nvidia.com/gpu, operator: Exists}]
      containers:
      - {name: c, resources: {requests: {cpu: 500m}, limits: {nvidia.com/gpu: 1}}}
"""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """A market of this minute: the command has the machine's clock."""
    now = datetime.now(UTC).replace(microsecond=0)
    with both_ways(tmp_path_factory.mktemp("market"), now - timedelta(minutes=1), now) as made:
        yield made


def said(run: Run, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*arguments, "-o", "json").out)
    return found


def test_gpus_are_those_of_the_command(both: Both, run: Run) -> None:
    command = said(run, "gpus", "--all", "-w", both.warehouse)
    page = both.client.get("/v1/gpus?every=true").json()
    assert page["items"] == command["gpus"]
    assert page["risk_basis"] == command["risk_basis"]
    assert {one["provider"] for one in page["items"]} > {"aws", "gcp"}


@pytest.mark.parametrize("held", [[], ["g5.xlarge@use1-az4=2", "g6.xlarge@use1-az6=1"]])
def test_headroom_is_that_of_the_command(both: Both, run: Run, held: list[str]) -> None:
    named = [word for one in held for word in ("--held", one)]
    command = said(run, "headroom", *both.options("aws"), "--needed", "3", *named)
    answer = both.client.post("/v1/headroom", json=both.body("aws", needed=3, held=held)).json()
    query: dict[str, Any] = {
        "gpus": 1,
        "provider": "aws",
        "region": "us-east-1",
        "needed": 3,
        "held": held,
    }
    assert answer["items"] == command["headroom"]
    assert answer["lost_within"] == command["lost_within"]
    assert answer["spares"] == command["headroom"][0]["spares"]
    assert both.client.get("/v1/headroom", params=query).json() == answer


def test_a_pool_that_is_held_and_has_no_price_is_named(client: TestClient) -> None:
    answer = client.post("/v1/headroom", json={**AWS, "held": ["g9.xlarge@nowhere=1"]})
    assert answer.status_code == 422
    assert "g9.xlarge@nowhere=1" in answer.json()["detail"]


def test_the_spread_is_that_of_the_command(both: Both, run: Run) -> None:
    options = ["--count", "4", "--bound", "0.0001", "--max-share-pool", "0.5"]
    command = said(run, "spread", *both.options("aws"), *options)
    body = both.body("aws", count=4, bound=0.0001, max_share_pool=0.5)
    answer = both.client.post("/v1/spread", json=body).json()
    assert answer["items"] == command["placement"]
    shared = answer.keys() & command.keys() - {"now", "as_of"}
    assert {name: answer[name] for name in shared} == {name: command[name] for name in shared}
    assert len(shared) > 10


def test_more_machines_than_are_placed_here_are_refused(client: TestClient) -> None:
    given = client.post("/v1/spread", json={**AWS, "count": 65})
    demanded = client.post("/v1/spread", json={**AWS, "demand": {"gpus": 1, "count": 65}})
    assert given.status_code == demanded.status_code == 422


def test_a_bound_that_nothing_keeps_is_told_with_what_would_do(client: TestClient) -> None:
    answer = client.post("/v1/spread", json={**AWS, "count": 2, "lose": 1, "bound": 0})
    assert answer.status_code == 422
    assert "machines on demand" in answer.json()["detail"]


@pytest.mark.parametrize("pods", [POD, yaml.safe_load(POD)], ids=["yaml", "json"])
def test_the_packing_is_that_of_the_command(
    both: Both, run: Run, tmp_path: Path, pods: Any
) -> None:
    file = tmp_path / "pods.yaml"
    file.write_text(POD)
    command = said(run, "pack", str(file), *both.options("aws"))
    answer = both.client.post("/v1/pack", json=both.body("aws", pods=pods)).json()
    assert answer["placed"] == 3
    assert answer["items"] == command["nodes"]
    shared = answer.keys() & command.keys() - {"now", "data_as_of"}
    assert {name: answer[name] for name in shared} == {name: command[name] for name in shared}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"pods": "kind: Service"}, "no pods to place"),
        ({"pods": POD.replace("replicas: 3", "replicas: 2001")}, "at most 2000"),
        ({"pods": POD, "daemonsets": POD}, "DaemonSets are wanted"),
        ({"pods": POD, "taint": ["gpu"]}, "taint 'gpu'"),
        ({"pods": POD, "time_limit_seconds": 11}, "time_limit_seconds"),
        ({"pods": POD.replace("500m", "half")}, "Deployment serve"),
    ],
)
def test_pods_that_cannot_be_packed_are_named(
    client: TestClient, given: dict[str, Any], told: str
) -> None:
    answer = client.post("/v1/pack", json={**AWS, **given})
    assert answer.status_code == 422
    assert told in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "more"), [("/v1/spread", {"count": 2}), ("/v1/pack", {"pods": POD})]
)
def test_who_asks_while_all_solvers_work_is_told_to_come_back(
    service: Service, path: str, more: dict[str, Any]
) -> None:
    client = a_client(service)
    for _ in range(SOLVERS):
        service.solvers.acquire()
    busy = client.post(path, json={**AWS, **more})
    service.solvers.release()
    free = client.post(path, json={**AWS, **more})
    assert (busy.status_code, busy.headers["retry-after"]) == (503, "5")
    assert free.status_code == 200
    assert client.get("/v1/rankings").status_code == 200


def test_a_solver_is_free_again_after_a_question_that_had_no_answer(service: Service) -> None:
    client = a_client(service)
    for _ in range(SOLVERS + 1):
        answer = client.post("/v1/spread", json={**AWS, "count": 2, "lose": 1, "bound": 0})
        assert answer.status_code == 422


@pytest.fixture(scope="module")
def there(both: Both) -> dict[str, str]:
    """A NodePool with one type, and a node of a type that the list would drop."""
    nodepool = both.client.post("/v1/nodepool", json=both.body("aws", types_max=1)).text
    claim = {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodeClaim",
        "metadata": {
            "name": "one",
            "labels": {
                "karpenter.sh/nodepool": "gpu-spot",
                "node.kubernetes.io/instance-type": "g5.xlarge",
                "topology.k8s.aws/zone-id": "use1-az4",
                "karpenter.sh/capacity-type": "spot",
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/os": "linux",
                "karpenter.k8s.aws/instance-gpu-manufacturer": "nvidia",
                "karpenter.k8s.aws/instance-gpu-count": "1",
            },
        },
        "status": {"conditions": [{"type": "Launched", "status": "True"}]},
    }
    return {"current": nodepool, "nodes": yaml.safe_dump(claim)}


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ([], {}),
        (["--type", "g6.*", "--evict", "all", "--churn", "0%"], {"evict": ["all"], "churn": "0%"}),
        (["--expire-after", "48h", "--template"], {"expire_after": "48h", "template": True}),
    ],
)
def test_the_plan_is_that_of_the_command(  # noqa: PLR0917 - two ways to ask one thing
    both: Both,
    run: Run,
    tmp_path: Path,
    there: dict[str, str],
    options: list[str],
    fields: dict[str, Any],
) -> None:
    files = {name: tmp_path / f"{name}.yaml" for name in there}
    for name, text in there.items():
        files[name].write_text(text)
    command = said(
        run,
        *("plan", "--file", str(files["current"]), "--nodes", str(files["nodes"])),
        *(*both.options("aws"), *options),
    )
    body = both.body("aws", **there, **fields)
    if "--type" in options:
        body["policy"]["instance_type"] = ["g6.*"]
    answer = both.client.post("/v1/plan", json=body)
    applied = both.client.post("/v1/plan", json=body, headers={"accept": "application/yaml"})
    assert answer.json()["plans"] == command["plans"]
    assert [one["manifest"] for one in command["plans"]] == list(yaml.safe_load_all(applied.text))


def test_a_plan_that_takes_too_many_nodes_is_refused_and_says_which(
    both: Both, there: dict[str, str]
) -> None:
    body = both.body("aws", **there, evict=["all"], churn="0%", margin_share=0, min_stay_seconds=0)
    body["policy"]["instance_type"] = ["g6.*"]
    answer = both.client.post("/v1/plan", json=body).json()
    assert answer["is_refused"]
    (plan,) = answer["plans"]
    assert [one["nodeclaim"] for one in plan["drifted_nodes"]] == ["one"]
    assert "REFUSED" in answer["text"]


def test_without_nodes_a_plan_says_that_they_are_not_known(
    both: Both, there: dict[str, str]
) -> None:
    answer = both.client.post("/v1/plan", json=both.body("aws", current=there["current"])).json()
    assert answer["plans"][0]["running_nodes"] is None
    assert any("nodes are not known" in one for one in answer["notes"])


def test_the_return_to_spot_is_decided_as_by_the_command(both: Both, run: Run) -> None:
    since = (datetime.now(UTC) - timedelta(hours=3)).isoformat()
    command = said(run, "return", *both.options("aws"), "--since", since)["decisions"][0]
    answer = both.client.post("/v1/return", json=both.body("aws", since_at=since)).json()
    shared = answer.keys() & command.keys() - {"ask_again_at"}
    assert {name: answer[name] for name in shared} == {name: command[name] for name in shared}
    assert answer["decision"] == "move"


def test_nobody_returns_before_the_time_that_is_still_to_come(client: TestClient) -> None:
    future = client.post("/v1/return", json={**AWS, "since_at": "2099-01-01T00:00:00Z"})
    naive = client.post("/v1/return", json={**AWS, "since_at": "2026-11-24T01:00:00"})
    assert "is in the future" in future.json()["detail"]
    assert [one["field"] for one in naive.json()["errors"]] == ["body.since_at"]


POOL = {
    "pool_provider": "aws",
    "pool_region": "us-east-1",
    "pool_zone": "use1-az4",
    "pool_instance_type": "g5.xlarge",
}


def test_the_terms_of_a_cost_add_up_to_it(client: TestClient) -> None:
    asked: dict[str, Any] = {
        **POOL,
        "gpus": 1,
        "restart_seconds": 1_800,
        "interruption_cost_usd": 2,
    }
    told = client.get("/v1/explain", params=asked).json()
    terms = told["terms"]
    loss = terms["price_usd_per_hour"] * 0.5 + 2
    assert terms["loss_usd_per_interruption"] == pytest.approx(loss)
    total = terms["price_usd_per_hour"] + terms["hazard_per_hour"] * loss
    assert terms["cost_usd_per_hour"] == pytest.approx(total)
    assert told["offering"]["cost_usd_per_hour"] == terms["cost_usd_per_hour"]


def test_what_would_make_a_pool_the_first_does(client: TestClient) -> None:
    told = client.get("/v1/explain", params={**POOL, "gpus": 1}).json()
    best = told["first"]
    first = client.get(
        "/v1/explain", params={**POOL, "gpus": 1, "pool_instance_type": best["instance_type"]}
    ).json()
    assert told["offering"]["rank"] == 2
    assert told["what_if"].startswith("would be first below")
    assert first["offering"]["rank"] == 1
    assert first["what_if"].startswith("first up to")


@pytest.mark.parametrize(
    ("pool", "told"),
    [
        ({"pool_instance_type": "m7i.large"}, "does not meet a GPU"),
        ({"pool_instance_type": "g9.large"}, "no price of it"),
    ],
)
def test_a_pool_outside_the_ranking_says_why(
    client: TestClient, pool: dict[str, str], told: str
) -> None:
    answer = client.get("/v1/explain", params={**POOL, "gpu_model": "T4", **pool})
    assert answer.status_code == 404
    assert told in answer.json()["detail"]


def test_findings_and_demands_of_served_models_are_those_of_the_command(
    both: Both, run: Run
) -> None:
    options = ["-p", "aws", "-r", "us-east-1", "-w", both.warehouse]
    command = json.loads(run("kserve", "check", TALK, *options, "-o", "json").out)
    body = {"manifests": Path(TALK).read_text(), "provider": "aws", "region": ["us-east-1"]}
    checked = both.client.post("/v1/kserve/check", json=body).json()
    assert checked["items"] == command["findings"]
    assert checked["services"] == command["services"]
    assert checked["errors"] == sum(one["severity"] == "error" for one in checked["items"]) > 0


def test_the_demand_of_a_served_model_is_the_file_of_the_command(both: Both, run: Run) -> None:
    asked = {"manifests": Path(TALK).read_text(), "weights_gb": 65.5}
    file = both.client.post("/v1/kserve/demand", json=asked, headers={"accept": "text/yaml"})
    answer = both.client.post("/v1/kserve/demand", json=asked).json()
    command = run("kserve", "demand", TALK, "--weights", "65.5GB", "-o", "yaml").out
    assert file.text == command.replace("--weights", "weights_gb")
    demand, _ = read_demand(file.text, "answer")
    assert demand.gpus == answer["demands"]["InferenceService serving/deepseek-r1"]["gpus"]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"weights_gb": 1, "parameters": 1e9}, "each is the size"),
        ({"region": ["us-east-1"]}, "give the provider as well"),
        ({"name": "other"}, "no service 'other'"),
        ({"manifests": "kind: Pod\nmetadata: {name: a}\n"}, "no InferenceService"),
    ],
)
def test_what_cannot_be_checked_says_why(
    client: TestClient, more: dict[str, Any], told: str
) -> None:
    answer = client.post("/v1/kserve/check", json={"manifests": Path(TALK).read_text(), **more})
    assert answer.status_code in {404, 422}
    assert told in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/headroom", {"needed": 1}),
        ("/v1/spread", {"count": 2, "bound": 1}),
        ("/v1/pack", {"pods": POD}),
        ("/v1/return", {"since_at": "2026-11-01T00:00:00Z"}),
    ],
)
def test_stale_advice_says_so_in_header_and_body(path: str, body: dict[str, Any]) -> None:
    with a_service() as told:
        client = a_client(later_than(told, timedelta(days=60)))
        answer = client.post(path, json={**AWS, **body})
    assert answer.headers["spotcast-stale"] == "true"
    assert answer.json()["is_stale"]
    assert answer.json()["notes"][0].startswith("STALE")
