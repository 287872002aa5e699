"""Manifests over HTTP: those of the command, byte by byte, and such as the CRDs take."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient

from tests.api.conftest import run as run  # noqa: PLC0414 - a fixture of the folder above
from tests.support.advised import PLACES, Both, both_ways, later_than
from tests.support.cli import Run
from tests.support.crd import judge
from tests.support.karpenter import CRD_FOLDER
from tests.support.served import a_client, a_service

JSON = {"accept": "application/json"}
AWS = {"policy": {"provider": ["aws"], "region": ["us-east-1"]}, "demand": {"gpus": 1}}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """A market of this minute: the command has the machine's clock."""
    now = datetime.now(UTC).replace(microsecond=0)
    with both_ways(tmp_path_factory.mktemp("market"), now - timedelta(minutes=1), now) as made:
        yield made


def documents(text: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(text))


@pytest.mark.parametrize("provider", PLACES)
def test_the_nodepools_are_those_of_the_command_and_the_crd_takes_them(
    both: Both, run: Run, provider: str
) -> None:
    ended = run("nodepool", *both.options(provider), "--per-zone", "--with-on-demand")
    answer = both.client.post(
        "/v1/nodepool", json=both.body(provider, per_zone=True, with_on_demand=True)
    )
    assert answer.text == ended.out
    for manifest in documents(answer.text):
        assert judge(CRD_FOLDER[provider], manifest).errors == ()


@pytest.mark.parametrize(
    ("option", "field"),
    [
        (["--gpu-limit", "8"], {"gpu_limit": 8}),
        (["--name", "l4", "--node-class", "gpu"], {"name": "l4", "node_class": "gpu"}),
        (["--weight", "7", "--min-types", "2"], {"weight": 7, "min_types": 2}),
        (
            ["--budget", "0; schedule=0 8 * * mon-fri; duration=10h"],
            {"budget": ["0; schedule=0 8 * * mon-fri; duration=10h"]},
        ),
        (
            ["--warming-taint", "--warm-when", "dataset/serving/r1"],
            {"warming_taint": True, "warm_when": ["dataset/serving/r1"]},
        ),
        (
            ["--expire-after", "Never", "--termination-grace-period", "1h"],
            {"expire_after": "Never", "termination_grace_period": "1h"},
        ),
        (["--types-max", "1"], {"types_max": 1}),
    ],
)
def test_each_setting_of_a_nodepool_does_what_the_option_does(
    both: Both, run: Run, option: list[str], field: dict[str, Any]
) -> None:
    plain = both.client.post("/v1/nodepool", json=both.body("aws")).text
    answer = both.client.post("/v1/nodepool", json=both.body("aws", **field))
    assert answer.text == run("nodepool", *both.options("aws"), *option).out
    assert answer.text != plain


def test_a_get_and_a_post_give_the_same_nodepool(both: Both) -> None:
    got = both.client.get("/v1/nodepool?gpus=1&provider=aws&region=us-east-1&gpu_limit=8")
    posted = both.client.post("/v1/nodepool", json=both.body("aws", gpu_limit=8))
    assert got.text == posted.text


def test_the_overlays_are_those_of_the_command_and_the_crd_takes_them(both: Both, run: Run) -> None:
    ended = run("nodeoverlay", *both.options("aws"), "--nodepool", "gpu-spot", "--band", "1")
    body = both.body("aws", nodepool=["gpu-spot"], band_share=0.01)
    answer = both.client.post("/v1/nodeoverlay", json=body)
    assert answer.text == ended.out
    manifests = documents(answer.text)
    assert manifests
    for manifest in manifests:
        assert judge(CRD_FOLDER["aws"], manifest).errors == ()


def test_a_cloud_without_overlays_is_told_what_to_do_instead(both: Both) -> None:
    answer = both.client.post("/v1/nodeoverlay", json=both.body("gcp"))
    assert answer.status_code == 422
    assert "--per-zone" in answer.json()["detail"]


@pytest.mark.parametrize("provider", PLACES)
def test_the_claim_is_that_of_the_command_and_the_crd_takes_it(
    both: Both, run: Run, tmp_path: Path, provider: str
) -> None:
    owner = both.client.post("/v1/nodepool", json=both.body(provider)).text
    file = tmp_path / "nodepool.yaml"
    file.write_text(owner)
    options = ["--nodepool", str(file), "--name", "one"]
    ended = run("nodeclaim", *both.options(provider), *options)
    answer = both.client.post("/v1/nodeclaim", json=both.body(provider, nodepool=owner, name="one"))
    as_json = both.body(provider, nodepool=documents(owner), name="one")
    assert answer.text == ended.out
    assert both.client.post("/v1/nodeclaim", json=as_json).text == answer.text
    assert judge(CRD_FOLDER[provider], documents(answer.text)[0]).errors == ()


@pytest.mark.parametrize("provider", PLACES)
def test_room_is_kept_by_what_the_command_writes(both: Both, run: Run, provider: str) -> None:
    ended = run("buffer", "-p", provider, "--nodepool", "gpu-spot", "--replicas", "2")
    body = {"provider": provider, "nodepool": ["gpu-spot"], "replicas": 2}
    answer = both.client.post("/v1/buffer", json=body)
    assert answer.text == ended.out


RENDERS = [
    (
        "ec2-fleet",
        "aws",
        ["--launch-template", "gpu", "--capacity", "3", "-o", "yaml"],
        {"launch_template": "gpu", "capacity": 3},
    ),
    (
        "autoscaling-group",
        "aws",
        ["--launch-template", "gpu", "--max", "4", "-o", "yaml"],
        {"launch_template": "gpu", "maximum": 4},
    ),
    (
        "eks-node-group",
        "aws",
        [
            "--cluster",
            "c",
            "--node-role",
            "arn:aws:iam::123456789012:role/n",
            "--subnet",
            "subnet-1",
            "--per-shape",
            "-o",
            "yaml",
        ],
        {
            "cluster": "c",
            "node_role": "arn:aws:iam::123456789012:role/n",
            "subnet": [{"subnet_id": "subnet-1"}],
            "per_shape": True,
        },
    ),
    ("terraform-node-group", "aws", ["-o", "hcl"], {}),
    ("terraform-nodepool", "gcp", ["-o", "hcl", "--kubectl"], {"resource": "kubectl_manifest"}),
    ("cluster-autoscaler", "azure", ["--namespace", "ops"], {"namespace": "ops"}),
    ("compute-class", "gcp", ["--with-on-demand"], {"with_on_demand": True}),
    ("skypilot", "aws", ["--any-of", "--with-on-demand"], {"any_of": True, "with_on_demand": True}),
    ("one-line", "aws", ["--places"], {"places": True}),
]


@pytest.mark.parametrize(("target", "provider", "options", "fields"), RENDERS)
def test_each_output_of_render_is_that_of_the_command(  # noqa: PLR0917 - one table
    both: Both, run: Run, target: str, provider: str, options: list[str], fields: dict[str, Any]
) -> None:
    ended = run("render", target, *both.options(provider), *options)
    answer = both.client.post(f"/v1/render/{target}", json=both.body(provider, **fields))
    assert (answer.status_code, ended.code) == (200, 0)
    assert answer.text == ended.out


def test_every_output_of_render_has_a_route(both: Both, run: Run) -> None:
    listed = run("render", "--help").out
    paths = both.client.get("/v1/openapi.json").json()["paths"]
    served = {path.rpartition("/")[2] for path in paths if path.startswith("/v1/render/")}
    assert served == {target for target, *_ in RENDERS}
    assert all(target in listed for target in served)


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "application/yaml"),
        ("application/yaml", "application/yaml"),
        ("text/yaml", "text/yaml"),
        ("application/json", "application/json"),
        ("application/json;q=0.5, application/yaml", "application/yaml"),
    ],
)
def test_the_client_says_whether_it_takes_yaml_or_json(
    client: TestClient, accept: str, media_type: str
) -> None:
    answer = client.post("/v1/nodepool", json=AWS, headers={"accept": accept})
    assert answer.headers["content-type"].partition(";")[0] == media_type


def test_json_has_the_manifests_of_the_yaml_and_what_yaml_cannot_say(client: TestClient) -> None:
    as_yaml = client.post("/v1/nodepool", json=AWS)
    as_json = client.post("/v1/nodepool", json=AWS, headers=JSON).json()
    assert as_json["items"] == documents(as_yaml.text)
    assert any("not a forecast" in one for one in as_json["notes"])
    assert not as_json["is_stale"]


def test_a_client_that_takes_neither_is_told_what_there_is(client: TestClient) -> None:
    answer = client.post("/v1/nodepool", json=AWS, headers={"accept": "text/csv"})
    assert answer.status_code == 406
    assert "application/yaml" in answer.json()["detail"]


def test_what_rests_on_stale_data_says_so_in_header_yaml_and_json() -> None:
    with a_service(now=datetime(2026, 11, 24, 9, tzinfo=UTC)) as told:
        later = a_client(later_than(told, timedelta(days=60)))
        as_yaml = later.post("/v1/nodepool", json=AWS)
        as_json = later.post("/v1/nodepool", json=AWS, headers=JSON)
        overlay = later.post("/v1/nodeoverlay", json=AWS)
    assert as_yaml.headers["spotcast-stale"] == as_json.headers["spotcast-stale"] == "true"
    assert as_yaml.text.startswith("# STALE: the newest price shown is 60 d old")
    assert documents(as_yaml.text) == as_json.json()["items"]
    assert as_json.json()["is_stale"]
    assert overlay.status_code == 409
    assert "60 d old" in overlay.json()["detail"]


@pytest.mark.parametrize(
    ("path", "body", "status", "told"),
    [
        ("/v1/nodepool", {"demand": {"gpus": 1}}, 422, "one provider and one region"),
        ("/v1/nodepool", {**AWS, "name": "Not A Name"}, 422, "NodePool"),
        ("/v1/nodepool", {**AWS, "budget": ["many"]}, 422, "budget"),
        ("/v1/nodepool", {**AWS, "demand": {"gpu_model": "H900"}}, 404, "H900"),
        (
            "/v1/nodeoverlay",
            {**AWS, "demand": {"gpus": 1, "interruption_cost_usd": 1e308}},
            422,
            "times the price",
        ),
        ("/v1/nodeclaim", {**AWS, "nodepool": ""}, 422, "holds 0 NodePools"),
        ("/v1/nodeclaim", {**AWS, "nodepool": "kind: [a"}, 422, "no YAML"),
        ("/v1/render/compute-class", AWS, 422, "is for gcp"),
        ("/v1/render/terraform", AWS, 404, "Not Found"),
        (
            "/v1/buffer",
            {"provider": "gcp", "nodepool": ["x"], "requests": {"cpu": "two"}},
            422,
            "cpu",
        ),
    ],
)
def test_what_cannot_be_made_says_why(
    client: TestClient, path: str, body: dict[str, Any], status: int, told: str
) -> None:
    answer = client.post(path, json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert told in answer.json()["detail"]
