"""The commands for model caches and images: what they write, say and refuse."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from advisor.karpenter.nodeclass import node_class
from api.guard.report import Mode, Report, Telling
from tests.support import guarded_objects as of
from tests.support.apiserver import kubeconfig
from tests.support.caches import DATASETS, LOADS, a_dataset, a_load, a_local_model, a_worker_pod
from tests.support.cli import Run
from tests.support.crd import judge
from tests.support.guarded_api import GuardedApi, serving, status

FLUID = (
    *("fluid", "--model-uri", "s3://models/r1", "--weights", "65.53GB", "--name", "r1"),
    *("-n", "serving", "--option", "fs.s3.region=us-east-1"),
)


def documents(text: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(text))


def test_fluid_writes_a_cache_and_says_how_to_serve_from_it(run: Run) -> None:
    ended = run(*FLUID, "--zone", "us-east-1a", "--zone", "us-east-1b")

    made = documents(ended.out)
    assert ended.code == 0
    assert [one["kind"] for one in made] == ["Dataset", "JindoRuntime", "DataLoad"]
    assert [judge("fluid", one).errors for one in made] == [(), (), ()]
    assert "2 workers on demand, one for each of us-east-1a, us-east-1b" in ended.err
    assert "each with 71 GiB for 65.53 GB of weights" in ended.err
    assert "Fluid cannot spread workers over zones" in ended.err
    assert "storageUri: pvc://r1/ in namespace serving" in ended.err
    assert 'file-prefetcher.fluid.io/prefetch-timeout-seconds: "313"' in ended.err
    assert "spotcast.io/warm-when=dataset/serving/r1" in ended.err


def test_fluid_writes_another_load_alone(run: Run) -> None:
    ended = run(*FLUID, "--zone", "us-east-1a", "--load", "r1-again", "-o", "json")

    made = json.loads(ended.out)
    assert (made["kind"], made["metadata"]["name"], ended.err) == ("DataLoad", "r1-again", "")


def test_fluid_speaks_of_the_editions_of_juicefs(run: Run) -> None:
    ended = run(
        *("fluid", "--model-uri", "juicefs:///r1", "--weights", "5GB", "--zone", "a"),
        *("--runtime", "juicefs", "--secret", "keys", "--secret-key", "token", "--shared"),
        *("--medium", "MEM", "--node-label", "pool=cache"),
    )

    dataset, runtime, _ = documents(ended.out)
    assert dataset["spec"]["placement"] == "Shared"
    assert [one["name"] for one in dataset["spec"]["mounts"][0]["encryptOptions"]] == ["token"]
    assert (runtime["kind"], "master" in runtime["spec"]) == ("JuiceFSRuntime", False)
    assert "in the community edition each node fills its own cache" in ended.err
    assert "cannot spread" not in ended.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((*FLUID, "--zone", "a", "--weights", "much"), 2, "'--weights': 'much' is no size"),
        ((*FLUID, "--zone", "a", "--option", "x"), 2, "--option x: write each key once"),
        ((*FLUID, "--zone", "a", "--option", "fs.s3.region=b"), 2, "write each key once"),
        ((*FLUID, "--zone", "a", "--node-label", "=b"), 2, "--node-label =b: write"),
        ((*FLUID, "--zone", "a", "--model-uri", "hf://o/r1"), 1, "or use a LocalModelCache"),
        (FLUID, 2, "Missing option '--zone'"),
    ],
)
def test_fluid_refuses_what_would_not_serve(
    arguments: tuple[str, ...], code: int, said: str, run: Run
) -> None:
    ended = run(*arguments)

    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err


def test_localmodel_writes_a_cache_on_the_nodes(run: Run) -> None:
    ended = run(
        *("localmodel", "--model-uri", "hf://org/r1", "--weights", "65.53GB", "--name", "r1"),
        *("--nodepool", "gpu", "--storage", "200GB"),
    )

    group, cache = documents(ended.out)
    assert (group["spec"]["storageLimit"], cache["spec"]["modelSize"]) == ("200G", "66G")
    assert "kubectl annotate nodepool gpu spotcast.io/warm-when=localmodelcache/r1" in ended.err


@pytest.fixture
def printed(tmp_path: Path) -> Path:
    """What kubectl printed of two zones, the first of which has a worker, and of two nodes."""
    zone = "topology.kubernetes.io/zone"
    labels = {zone: "us-east-1a", "fluid.io/s-serving-r1": "true"}
    objects = [
        of.a_node("cache", labels=labels),
        of.a_node("gpu", labels={zone: "us-east-1b"}),
        a_worker_pod("r1-worker-0", "cache"),
        a_dataset(cacheStates={"cached": "61GiB", "cachedPercentage": "100.0%"}),
        a_load(replicas=1),
        a_local_model("big", gpu="NodeDownloading", old="NodeDownloaded"),
        a_local_model("new"),
    ]
    path = tmp_path / "cluster.yaml"
    path.write_text(yaml.safe_dump({"kind": "List", "items": objects}), encoding="utf-8")
    return path


def test_warm_says_of_every_place_whether_and_why(printed: Path, run: Run) -> None:
    ended = run("warm", "--snapshot", str(printed), "-o", "json")

    rows = json.loads(ended.out)["caches"]
    assert [(one["cache"], one["place"], one["state"], one["workers"]) for one in rows] == [
        ("dataset/serving/r1", "us-east-1a", "warm", 1),
        ("dataset/serving/r1", "us-east-1b", "cold", 0),
        ("localmodelcache/big", "gpu", "cold", None),
        ("localmodelcache/big", "old", "warm", None),
        ("localmodelcache/new", None, "unknown", None),
    ]
    assert [one["cached_on"] for one in rows[:3]] == [["cache"], [], None]
    assert rows[1]["why"] == "no cache worker is in us-east-1b (but in us-east-1a)"


def test_warm_shows_a_table_of_what_is_asked_for(printed: Path, run: Run) -> None:
    asked = ("dataset/serving/r1", "dataset/serving/gone")
    ended = run("warm", *asked, "--snapshot", str(printed))

    lines = [line.split() for line in ended.out.splitlines()]
    assert [line[:4] for line in lines] == [
        ["CACHE", "WHERE", "STATE", "WORKERS"],
        ["dataset/serving/r1", "us-east-1a", "warm", "1"],
        ["dataset/serving/r1", "us-east-1b", "cold", "0"],
        ["dataset/serving/gone", "-", "unknown", "-"],
    ]
    assert lines[3][4:] == ["it", "is", "not", "there"]


def test_warm_without_caches_says_what_to_print(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_text(yaml.safe_dump(of.a_node("n1")), encoding="utf-8")
    ended = run("warm", "--snapshot", str(path))

    assert ended.code == 1
    assert "holds no Dataset, DataLoad, LocalModelCache" in ended.err


def test_warm_asks_the_cluster_and_says_what_it_may_not_see(tmp_path: Path, run: Run) -> None:
    api = GuardedApi({resource: {} for resource in (of.NODES, of.PODS, DATASETS, LOADS)})
    with serving(api) as url:
        config = str(kubeconfig(tmp_path, url))
        none = run("warm", "--kubeconfig", config)
        api.put(DATASETS, a_dataset())
        api.put(of.NODES, of.a_node("n1"))
        some = run("warm", "--kubeconfig", config, "-o", "wide")
        api.before = lambda _, path: status(403, "no") if path in {DATASETS, LOADS} else None
        denied = run("warm", "--kubeconfig", config)

    assert none.code == 1
    assert "The cluster has no Dataset of Fluid and no LocalModelCache of KServe." in none.err
    assert some.code == 0, some.err
    assert some.out.splitlines()[1].split()[:5] == [
        *("dataset/serving/r1", "us-east-1a", "cold", "0", "-")
    ]
    assert denied.code == 1
    assert "the cluster does not allow to list it" in denied.err


def test_warm_refuses_what_is_no_cache(printed: Path, run: Run) -> None:
    ended = run("warm", "r1", "--snapshot", str(printed))

    assert ended.code == 1
    assert "'r1': names no model cache" in ended.err


def test_nodes_tells_of_an_annotation_that_cannot_be_read(
    tmp_path: Path, fresh: str, run: Run
) -> None:
    nodepool = of.a_nodepool()
    nodepool["metadata"]["annotations"] = {"spotcast.io/warm-when": "dataset/r1"}
    node = of.a_node("n1")
    for one in (node, nodepool):
        one["metadata"]["uid"] = "uid"
    path = tmp_path / "cluster.yaml"
    path.write_text(yaml.safe_dump_all([node, nodepool]), encoding="utf-8")
    ended = run("nodes", "--snapshot", str(path), "-w", fresh)

    assert ended.code == 0, ended.err
    assert "NodePool gpu: spotcast.io/warm-when: 'dataset/r1': names no model cache" in ended.err


@pytest.mark.parametrize(
    ("arguments", "kind", "lead_time"),
    [
        (("-p", "aws"), "EC2NodeClass", "9.35 GB come in 40 s (p90 62 s) instead of 130 s"),
        (("-p", "aws", "--os", "bottlerocket"), "EC2NodeClass", "come in 23 s"),
        (
            ("-p", "aws", "--way", "snapshot", "--snapshot", "snap-0123456789abcdef0"),
            "EC2NodeClass",
            "come in 2 s",
        ),
        (("-p", "gcp", "--disk-image", "global/images/x"), "GCENodeClass", "come in 2 s"),
        (("-p", "azure", "--image-size", "5GB"), "AKSNodeClass", "5 GB come in"),
        (("-p", "alibaba"), "ECSNodeClass", "come in 31 s"),
        (("-p", "alibaba", "--way", "nydus"), "ECSNodeClass", "come in 31 s"),
    ],
)
def test_images_writes_the_fields_and_what_they_change(
    arguments: tuple[str, ...], kind: str, lead_time: str, run: Run
) -> None:
    ended = run("images", *arguments)

    [made] = documents(ended.out)
    assert (ended.code, made["kind"]) == (0, kind)
    assert "These are the fields to add" in ended.err
    assert "drifts all its nodes" in ended.err
    assert lead_time in ended.err
    assert "Needs: " in ended.err


def test_images_says_it_where_no_field_does(run: Run) -> None:
    ended = run("images", "-p", "gcp", "--way", "image-streaming")

    assert (ended.code, ended.out) == (0, "")
    assert "GCENodeClass has no field for it." in ended.err
    assert "--enable-image-streaming" in ended.err


def test_images_puts_it_into_a_node_class_of_the_cluster(tmp_path: Path, run: Run) -> None:
    given = node_class("aws", "gpu", cluster="demo", role="nodes")
    given["metadata"] |= {"uid": "u", "resourceVersion": "1", "labels": {"team": "ml"}}
    given |= {"status": {"conditions": []}}
    path = tmp_path / "nodeclass.yaml"
    path.write_text(yaml.safe_dump(given), encoding="utf-8")
    ended = run("images", "-p", "aws", "--node-class", str(path))

    [made] = documents(ended.out)
    assert made["metadata"] == {"name": "gpu", "labels": {"team": "ml"}}
    assert made["spec"]["role"] == "nodes"
    assert "FastImagePull: true" in made["spec"]["userData"]
    assert judge("aws", made).errors == ()
    assert "These are the fields" not in ended.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("-p", "gcp"), 2, "--disk-image: name the disk image"),
        (("-p", "aws", "--way", "snapshot"), 2, "--snapshot: name the EBS snapshot"),
        (("-p", "azure", "--way", "soci"), 2, "--way soci: azure has artifact-streaming"),
        (("-p", "oracle"), 1, "provider oracle"),
        (("-p", "aws", "--throughput", "9000"), 1, "gp3 has 125 to 1000"),
        (("-p", "aws", "--image-size", "big"), 2, "'big' is no size"),
        (("-p", "aws", "--image-size", "0GB"), 2, "'0GB': a size is above 0"),
    ],
)
def test_images_refuses_what_a_cloud_does_not_have(
    arguments: tuple[str, ...], code: int, said: str, run: Run
) -> None:
    ended = run("images", *arguments)

    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err


def test_images_refuses_a_file_without_a_node_class(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(yaml.safe_dump(of.a_nodepool()), encoding="utf-8")
    ended = run("images", "-p", "aws", "--node-class", str(path))

    assert ended.code == 2
    assert "holds no EC2NodeClass" in ended.err


def test_a_finding_is_told_once_until_it_is_gone() -> None:
    telling = Telling()
    at = datetime(2026, 1, 1, tzinfo=UTC)

    def told(*findings: str) -> list[str]:
        return telling(Report(at, Mode.OBSERVE, findings=findings))

    assert [told("a"), told("a", "b"), told(), told("a")] == [["a"], ["b"], [], ["a"]]
