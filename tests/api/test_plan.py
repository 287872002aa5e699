"""``spotcast plan`` and ``apply``: what they print, write and end with."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from advisor.karpenter.manifests import to_yaml
from tests.support.apiserver import (
    NODECLAIMS,
    NODEPOOLS,
    NODES,
    ApplyServer,
    kubeconfig,
    serving,
)
from tests.support.cli import Run, fill
from tests.support.market import a_pool, a_price, a_shape, a_signal
from tests.support.planning import HASHED, TYPE, ZONE, a_nodepool
from warehouse.records import Record


@pytest.fixture
def run(run: Run) -> Run:
    """Run ``spotcast`` with arguments, of which some are paths."""
    return lambda *arguments: run(*map(str, arguments))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a NodePool now, one wanted, and two nodes of which one would go."""
    write(tmp_path / "now.yaml", a_nodepool(["g5.xlarge", "g4dn.xlarge"]))
    write(tmp_path / "wanted.yaml", a_nodepool(["g5.xlarge", "g6.xlarge"]))
    nodes = [a_claim("a", "g5.xlarge"), a_claim("b", "g4dn.xlarge"), a_node("node-b")]
    write(tmp_path / "nodes.yaml", {"apiVersion": "v1", "kind": "List", "items": nodes})
    return tmp_path


@pytest.fixture
def server() -> ApplyServer:
    """A cluster with the same NodePool, made by kubectl, and the same nodes."""
    made = ApplyServer(objects={NODEPOOLS: {}, NODECLAIMS: {}, NODES: {}})
    made.put(NODEPOOLS, a_nodepool(["g5.xlarge", "g4dn.xlarge"], weight=10))
    for claim in (a_claim("a", "g5.xlarge"), a_claim("b", "g4dn.xlarge")):
        made.put(NODECLAIMS, claim)
    made.put(NODES, a_node("node-b"))
    return made


@pytest.fixture
def config(server: ApplyServer, tmp_path: Path) -> Iterator[Path]:
    """The kubeconfig of that cluster."""
    with serving(server) as url:
        yield kubeconfig(tmp_path, url)


@pytest.fixture
def market(tmp_path: Path) -> Path:
    """A warehouse whose market is a minute old: g5.xlarge is best, then g4dn.xlarge."""
    at, path = datetime.now(UTC) - timedelta(minutes=1), tmp_path / "market.duckdb"
    records: list[Record] = []
    for name, usd in {"g5.xlarge": 0.4, "g4dn.xlarge": 0.5}.items():
        records += [
            a_shape(name),
            a_price(usd, a_pool(name), at),
            a_signal(0.05, 0.10, pool=a_pool(name, zone="*"), observed_at=at),
        ]
    fill(path, *records)
    return path


def write(path: Path, manifest: dict[str, Any]) -> None:
    path.write_text(to_yaml([manifest]), encoding="utf-8")


def a_claim(name: str, instance_type: str) -> dict[str, Any]:
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodeClaim",
        "metadata": {
            "name": name,
            "labels": {
                "karpenter.sh/nodepool": "gpu-spot",
                "karpenter.sh/capacity-type": "spot",
                TYPE: instance_type,
                ZONE: "use1-az4",
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/os": "linux",
                "karpenter.k8s.aws/instance-gpu-manufacturer": "nvidia",
                "karpenter.k8s.aws/instance-gpu-count": "1",
            },
            "annotations": HASHED,
        },
        "status": {
            "nodeName": f"node-{name}",
            "conditions": [{"type": "Launched", "status": "True"}],
        },
    }


def a_node(name: str) -> dict[str, Any]:
    notes = {"karpenter.sh/do-not-disrupt": "true"}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "annotations": notes}}


def compare(files: Path) -> list[str | Path]:
    return ["plan", "--wanted", files / "wanted.yaml", "--file", files / "now.yaml"]


def test_a_default_plan_keeps_what_runs_and_ends_with_code_4(run: Run, files: Path) -> None:
    ended = run(*compare(files), "--nodes", files / "nodes.yaml")

    assert ended.code == 4
    assert ended.out.splitlines()[:4] == [
        "NodePool gpu-spot: 1 change; 0 of 2 running nodes would be replaced.",
        "  + node.kubernetes.io/instance-type g6.xlarge",
        "Held back:",
        "  node.kubernetes.io/instance-type g4dn.xlarge stays: 1 running node needs it",
    ]
    assert "+        - g6.xlarge" in ended.out


def test_an_eviction_names_the_node_and_a_budget_of_none_refuses_it(run: Run, files: Path) -> None:
    asked = [*compare(files), "--nodes", files / "nodes.yaml", "--evict", "all", "-o", "json"]

    allowed, refused = run(*asked), run(*asked, "--churn", "0")

    (plan,) = json.loads(allowed.out)["plans"]
    assert allowed.code == 4
    assert [(one["nodeclaim"], one["node"]) for one in plan["drifted_nodes"]] == [("b", "node-b")]
    assert plan["drifted_nodes"][0]["is_held_by_do_not_disrupt"] is True
    (plan,) = json.loads(refused.out)["plans"]
    assert refused.code == 5
    assert plan["verdict"] == "refused"
    assert plan["refusal"].startswith("NodePool gpu-spot: 1 of 2 running nodes would be replaced")


def test_a_plan_for_what_is_there_ends_with_code_0_and_an_empty_diff(run: Run, files: Path) -> None:
    ended = run(
        *("plan", "--wanted", files / "now.yaml", "--file", files / "now.yaml", "-o", "diff"),
        *("--nodes", files / "nodes.yaml"),
    )

    assert (ended.code, ended.out) == (0, "")


def test_without_nodes_it_is_said_that_they_are_not_known(run: Run, files: Path) -> None:
    ended = run(*compare(files))

    assert "its nodes are not known" in ended.out
    assert "give --nodes" in ended.err


def test_the_manifest_of_a_plan_is_what_would_be_applied(run: Run, files: Path) -> None:
    ended = run(*compare(files), "--nodes", files / "nodes.yaml", "-o", "yaml")

    requirements = yaml.safe_load(ended.out)["spec"]["template"]["spec"]["requirements"]
    types = next(one["values"] for one in requirements if one["key"] == TYPE)
    assert types == ["g5.xlarge", "g4dn.xlarge", "g6.xlarge"]


def test_a_list_from_the_market_is_compared_with_the_cluster(
    run: Run, config: Path, market: Path
) -> None:
    ended = run(
        *("plan", "-p", "aws", "-r", "us-east-1", "--gpus", "1", "--types-max", "1"),
        *("-w", market, "--kubeconfig", config, "--evict", "all", "--churn", "50%"),
        *("-o", "json"),
    )

    (plan,) = json.loads(ended.out)["plans"]
    assert ended.code == 4
    assert [one["nodeclaim"] for one in plan["drifted_nodes"]] == ["b"]
    assert plan["nodes"]["before"]["usd_per_hour"] == pytest.approx(0.9, rel=0.01)
    assert plan["nodes"]["after"]["usd_per_hour"] == pytest.approx(0.8, rel=0.01)


def test_an_apply_meets_the_other_manager_takes_over_and_goes_back(
    run: Run, files: Path, config: Path, server: ApplyServer
) -> None:
    write(files / "wanted.yaml", a_nodepool(["g5.xlarge", "g6.xlarge"], weight=20))
    wanted = ["apply", "--wanted", files / "wanted.yaml", "--kubeconfig", config, "--yes"]
    before = server.objects[NODEPOOLS]["gpu-spot"]["spec"]

    conflict = run(*wanted)
    assert conflict.code == 1
    assert ".spec.weight is owned by kubectl" in conflict.err
    assert server.objects[NODEPOOLS]["gpu-spot"]["spec"] == before

    forced = run(*wanted, "--force-conflicts")
    there = server.objects[NODEPOOLS]["gpu-spot"]
    assert forced.code == 0
    assert there["spec"]["weight"] == 20
    assert "spotcast.io/applied-at" in there["metadata"]["annotations"]

    again = run(*wanted)
    assert (again.code, again.out.splitlines()[0]) == (0, "NodePool gpu-spot: nothing to change.")

    back = run("apply", "--rollback", "--kubeconfig", config, "--yes")
    assert back.code == 0
    assert server.objects[NODEPOOLS]["gpu-spot"]["spec"] == before


def test_a_dry_run_asks_the_server_and_writes_nothing(
    run: Run, files: Path, config: Path, server: ApplyServer
) -> None:
    ended = run(
        *("apply", "--wanted", files / "wanted.yaml", "--kubeconfig", config),
        *("--dry-run", "--force-conflicts"),
    )

    assert ended.code == 0
    assert "Nothing was written" in ended.err
    assert [query.get("dryRun") for verb, _, query in server.asked if verb == "PATCH"] == ["All"]


def test_an_apply_that_nobody_confirms_is_not_made(run: Run, files: Path, config: Path) -> None:
    ended = run(
        *("apply", "--wanted", files / "wanted.yaml", "--kubeconfig", config),
        "--force-conflicts",
    )

    assert ended.code == 2
    assert "say --yes" in ended.err


def test_an_apply_beyond_the_budget_writes_nothing(
    run: Run, files: Path, config: Path, server: ApplyServer
) -> None:
    ended = run(
        *("apply", "--wanted", files / "wanted.yaml", "--kubeconfig", config, "--yes"),
        *("--evict", "all", "--churn", "0"),
    )

    assert ended.code == 5
    assert [verb for verb, _, _ in server.asked if verb == "PATCH"] == []


def test_a_new_nodepool_is_made_and_has_no_way_back(
    run: Run, files: Path, config: Path, server: ApplyServer
) -> None:
    server.objects[NODEPOOLS].clear()
    server.owners.clear()

    made = run("apply", "--wanted", files / "wanted.yaml", "--kubeconfig", config, "--yes")
    back = run("apply", "--rollback", "--kubeconfig", config, "--yes")

    assert (made.code, back.code) == (0, 1)
    assert list(server.objects[NODEPOOLS]) == ["gpu-spot"]
    assert "nothing is kept to go back to" in back.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("plan", "--nodes", "nodes.yaml"), "--nodes goes with --file"),
        (("plan", "--file", "now.yaml"), "one provider and one region"),
        (("plan", "--wanted", "nodes.yaml", "--file", "now.yaml"), "holds no NodePool"),
        (("plan", "--wanted", "bad.yaml", "--file", "now.yaml"), "no YAML that can be read"),
    ],
)
def test_wrong_usage_says_how_to_ask(
    run: Run,
    files: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    (files / "bad.yaml").write_text("a: [", encoding="utf-8")
    monkeypatch.chdir(files)

    ended = run(*arguments)

    assert ended.code == 2
    assert said in ended.err
