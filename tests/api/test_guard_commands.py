"""``spotcast guard``, ``nodes``, ``replace`` and ``replacements``: what they print and end with."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from advisor.replacement.settings import GuardSettings
from api.errors import UsageError
from api.guard.options import GuardOptions
from tests.support.cli import Run, fill
from tests.support.guard import a_forecast, foretell
from tests.support.market import a_pool, a_price
from warehouse.records import Replacement
from warehouse.replacements import Done, advance, note_done
from warehouse.store import Warehouse

MINUTE = timedelta(minutes=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A warehouse with one finished hand-over, a price and a forecast of now."""
    now = datetime.now(UTC)
    made = tmp_path / "w.duckdb"
    fill(made, a_price(0.6, effective_at=now - timedelta(days=1)))
    with Warehouse.open(made) as warehouse:
        row = a_forecast(15, 0.3) | {"issued_at": now, "evidence_until": now}
        foretell(warehouse, row, {**row, "horizon_seconds": 3600.0, "probability": 0.5})
        last = None
        for state, minutes in (("planned", 30), ("retiring", 29), ("done", 9)):
            at = now - minutes * MINUTE
            step = Replacement("r1", at, state, "a", a_pool(), "retire", "P is 40 %", "{}")
            assert advance(warehouse, last, step)
            last = step
        note_done(warehouse, [Done("r1", now - 29 * MINUTE, "retire", "NodeClaim x", "done")])
    return made


def a_manifest(kind: str, name: str, **more: Any) -> dict[str, Any]:
    about = {
        "name": name,
        "uid": f"uid-{name}",
        "creationTimestamp": datetime.now(UTC).isoformat(),
        **more.pop("metadata", {}),
    }
    return {"apiVersion": "v1", "kind": kind, "metadata": about, **more}


def a_spot_node(name: str = "node-a") -> dict[str, Any]:
    labels = {
        "karpenter.sh/capacity-type": "spot",
        "karpenter.sh/nodepool": "gpu",
        "node.kubernetes.io/instance-type": "g5.xlarge",
        "topology.kubernetes.io/region": "us-east-1",
        "topology.k8s.aws/zone-id": "use1-az4",
    }
    return a_manifest(
        "Node",
        name,
        metadata={"labels": labels},
        spec={"providerID": "aws:///us-east-1a/i-0123456789abcdef0"},
        status={"conditions": [{"type": "Ready", "status": "True"}]},
    )


def a_pod(name: str, **status: Any) -> dict[str, Any]:
    return a_manifest(
        "Pod",
        name,
        metadata={"namespace": "default", "labels": {"app": "llm"}},
        spec={"nodeName": "node-a", "containers": []},
        status={
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
            **status,
        },
    )


def a_file(tmp_path: Path, *manifests: dict[str, Any]) -> str:
    path = tmp_path / "snapshot.yaml"
    path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": list(manifests)}))
    return str(path)


def test_a_snapshot_is_judged_as_a_cluster_is(run: Run, path: Path, tmp_path: Path) -> None:
    pdb = {
        **a_manifest("PodDisruptionBudget", "llm", metadata={"namespace": "default"}),
        "apiVersion": "policy/v1",
        "spec": {"selector": {"matchLabels": {"app": "llm"}}},
        "status": {"disruptionsAllowed": 0, "observedGeneration": 1},
    }
    file = a_file(tmp_path, a_spot_node(), a_pod("llm-0"), a_pod("old", phase="Succeeded"), pdb)

    ended = run("nodes", "--snapshot", file, "-w", str(path), "-o", "json")

    assert ended.code == 0, ended.err
    (row,) = json.loads(ended.out)["nodes"]
    assert (row["node"], row["zone"], row["pods"]) == ("node-a", "use1-az4", 1)
    # 583 of the 900 s that the forecast speaks of: p95 of a start, and the drain, less the notice.
    assert row["probability"] == pytest.approx(1 - 0.7 ** (583 / 900))
    assert row["may_act"] is False
    assert row["blocked_by"] == ["default/llm"]
    assert row["verdict"] == "keep"


def test_the_table_of_nodes_names_what_blocks_and_why(run: Run, path: Path, tmp_path: Path) -> None:
    ended = run("nodes", "--snapshot", a_file(tmp_path, a_spot_node()), "-w", str(path))

    assert ended.out.splitlines()[0].split()[:4] == ["NODE", "NODEPOOL", "TYPE", "ZONE"]
    assert "Karpenter does not manage it" in ended.out


def test_a_node_without_a_forecast_is_of_unknown_risk(run: Run, tmp_path: Path) -> None:
    empty = tmp_path / "empty.duckdb"
    Warehouse.open(empty).close()

    ended = run("nodes", "--snapshot", a_file(tmp_path, a_spot_node()), "-w", str(empty))

    assert " unknown " in ended.out
    assert "1 of 1 nodes are spot machines of unknown risk" in ended.err


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ({"kind": "Node", "metadata": {"name": "a"}}, "an object lacks 'uid'"),
        ({"kind": "Pod", "metadata": {"name": "a"}}, "holds no Node"),
        ({"kind": "Node"}, "a Node without metadata.name"),
    ],
)
def test_a_file_that_no_api_server_printed_is_refused_with_the_command_that_makes_one(
    run: Run, path: Path, tmp_path: Path, manifest: dict[str, Any], said: str
) -> None:
    ended = run("nodes", "--snapshot", a_file(tmp_path, manifest), "-w", str(path))

    assert ended.code in {1, 2}
    assert said in ended.err


def test_the_hand_overs_are_listed_with_what_they_cost_at_most(run: Run, path: Path) -> None:
    ended = run("replacements", "-w", str(path), "-o", "json")

    (row,) = json.loads(ended.out)["hand_overs"]
    assert (row["state"], row["overlap_seconds"]) == ("done", 1200)
    assert row["overlap_usd"] == pytest.approx(0.2)
    assert "at most 0.20 USD" in ended.err


def test_the_steps_and_the_audit_are_listed(run: Run, path: Path) -> None:
    steps = run("replacements", "--show", "steps", "-w", str(path), "--node", "a")
    told = run("replacements", "--show", "audit", "-w", str(path))

    assert [line.split()[3] for line in steps.out.splitlines()[1:]] == [
        "planned",
        "retiring",
        "done",
    ]
    assert "NodeClaim x" in told.out
    assert run("replacements", "-w", str(path), "--node", "z").out.count("\n") == 1


def test_times_are_given_for_every_cloud_or_for_one() -> None:
    made = GuardOptions(lead_time=["10m", "aws=12m"], drain=["1m"]).settings()

    assert made.lead_time("aws").horizon == 11 * MINUTE
    assert made.lead_time("gcp").serving == 10 * MINUTE
    assert GuardOptions().settings().lead_times == GuardSettings().lead_times


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (["10"], "'10' is no duration"),
        (["ibm=10m"], "'ibm' is none of"),
        (["aws=10m", "aws=12m"], "another time is given for aws"),
        (["3d"], "forecasts reach 24 h at most"),
    ],
)
def test_a_time_that_makes_no_sense_is_refused(times: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        GuardOptions(lead_time=times).settings()


def test_a_cluster_that_is_not_there_is_told_in_a_sentence(run: Run, path: Path) -> None:
    ended = run("guard", "--once", "--kubeconfig", str(path.parent / "none"), "-w", str(path))

    assert ended.code == 1
    assert ended.err.startswith("spotcast: ")
    assert len(ended.err.splitlines()) == 1


def test_wrong_options_are_told_before_anything_is_asked(run: Run, path: Path) -> None:
    for given, said in (
        (["--interval", "0s"], "--interval must be above 0 s"),
        (["--webhook", "nonsense"], "give an https URL"),
        (["--lead-time", "x"], "is no duration"),
        (["--mode", "kill"], "kill"),
        (["--budget", "0"], "a budget below 1 node"),
    ):
        ended = run("guard", "--once", "-w", str(path), *given)
        assert ended.code in {1, 2}
        assert said in ended.err
