"""``spotcast pack`` as a user runs it."""

import io
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from api.commands.pack import solver_off_stdout
from tests.support.cli import Run, fill
from tests.support.market import a_pool, a_price, a_shape, a_signal
from warehouse.records import OnDemandPrice

REGION = ("--provider", "aws", "--region", "us-east-1")
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  template:
    spec: {containers: [{name: c, resources: {requests: {cpu: "1", memory: 1Gi}}}]}
"""
HUGE = WEB.replace('cpu: "1"', 'cpu: "99"').replace("name: web", "name: huge")
LOGS = """
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: logs}
spec: {template: {spec: {containers: [{name: c, resources: {requests: {cpu: "1"}}}]}}}
"""


def market(folder: Path, age: timedelta = timedelta(minutes=1)) -> str:
    """Two machines of one region; only the smaller one's risk is published."""
    at = datetime.now(UTC) - age
    plain: dict[str, Any] = {"gpu_name": None, "gpu_count": 0, "gpu_memory_gib": None}
    fill(
        folder / "market.duckdb",
        a_shape("m5.xlarge", vcpu=4, memory_gib=16, **plain),
        a_shape("m5.2xlarge", vcpu=8, memory_gib=32, **plain),
        a_price(0.10, a_pool("m5.xlarge", "use1-az1"), at),
        a_price(0.05, a_pool("m5.2xlarge", "use1-az1"), at),
        a_signal(0.0, 0.05, pool=a_pool("m5.xlarge", "*"), observed_at=at),
        OnDemandPrice("aws", "us-east-1", "m5.xlarge", at, 0.192, "USD", "test", at),
    )
    return str(folder / "market.duckdb")


def written(folder: Path, text: str, name: str = "pods.yaml") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def test_pods_are_packed_and_the_proof_is_told(run: Run, tmp_path: Path) -> None:
    ended = run("pack", written(tmp_path, WEB), *REGION, "-w", market(tmp_path))

    assert ended.code == 0
    assert ended.out.splitlines()[1].split()[:4] == ["1", "m5.xlarge", "use1-az1", "spot"]
    assert "3 pods on 1 nodes for 0.1000 USD an hour, proven to be the least" in ended.err
    assert "One m5.xlarge (spot) would hold all of it" in ended.err


def test_an_unknown_risk_is_not_bought_unless_asked_for(run: Run, tmp_path: Path) -> None:
    pods, warehouse = written(tmp_path, WEB), market(tmp_path)
    careful = run("pack", pods, *REGION, "-w", warehouse)
    bold = run("pack", pods, *REGION, "-w", warehouse, "--unknown-risk", "-o", "one-line")

    assert "1 offerings of unknown risk or price were not bought" in careful.err
    assert bold.out == "m5.2xlarge\n"


def test_json_holds_nodes_cost_bound_and_what_has_no_place(run: Run, tmp_path: Path) -> None:
    pods = written(tmp_path, f"{WEB}---{HUGE}")
    ended = run("pack", pods, *REGION, "-w", market(tmp_path), "-o", "json")
    told = json.loads(ended.out)

    assert ended.code == 1
    assert told["placed"] == 3
    assert told["bound_usd_per_hour"] == pytest.approx(told["usd_per_hour"])
    assert told["is_optimal"] is True
    assert told["nodes"][0]["used"]["cpu"] == 3000
    assert told["unplaced"][0]["pod"] == "shop/huge"
    assert told["unplaced"][0]["reason"].startswith("it asks for 99 cores of cpu")
    assert "No place for 3 x shop/huge: it asks for 99 cores" in ended.err


def test_standard_input_is_read(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(WEB))

    assert run("pack", "-", *REGION, "-w", market(tmp_path), "-o", "one-line").out == "m5.xlarge\n"


def test_daemonsets_take_room_on_each_node(run: Run, tmp_path: Path) -> None:
    pods, warehouse = written(tmp_path, WEB), market(tmp_path)
    logs = written(tmp_path, LOGS, "logs.yaml")
    ended = run("pack", pods, *REGION, "-w", warehouse, "--daemonsets", logs, "-o", "json")

    assert sum(row["nodes"] for row in json.loads(ended.out)["nodes"]) == 2


def test_on_demand_is_bought_where_a_pod_asks_for_it(run: Run, tmp_path: Path) -> None:
    wants = WEB.replace(
        "spec: {containers",
        "spec: {nodeSelector: {karpenter.sh/capacity-type: on-demand}, containers",
    )
    pods, warehouse = written(tmp_path, wants), market(tmp_path)
    ended = run("pack", pods, *REGION, "-w", warehouse, "-o", "json")
    spot_only = run("pack", pods, *REGION, "-w", warehouse, "--spot-only")

    assert json.loads(ended.out)["nodes"][0]["capacity_type"] == "on-demand"
    assert spot_only.code == 1
    assert "it wants karpenter.sh/capacity-type in (on-demand)" in spot_only.err


def test_a_packing_on_old_prices_ends_with_the_code_for_it(run: Run, tmp_path: Path) -> None:
    warehouse = market(tmp_path, timedelta(days=5))
    ended = run("pack", written(tmp_path, WEB), *REGION, "-w", warehouse)

    assert ended.code == 3
    assert "STALE" in ended.err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--provider", "aws"), "give one provider and one region"),
        ((*REGION, "--taint", "gpu"), "taint 'gpu': write KEY=VALUE:NoSchedule"),
        ((*REGION, "--node-label", "tier"), "node label 'tier': write KEY=VALUE"),
    ],
)
def test_a_wrong_option_is_told_how_to_write_it(
    run: Run, tmp_path: Path, options: tuple[str, ...], told: str
) -> None:
    ended = run("pack", written(tmp_path, WEB), *options, "-w", market(tmp_path))

    assert ended.code == 2
    assert told in ended.err


@pytest.mark.parametrize(
    ("text", "told"),
    [("kind: Service\n", "no pods to place"), ("{", "neither YAML nor JSON"), (LOGS, "no pods")],
)
def test_a_file_without_pods_is_named(run: Run, tmp_path: Path, text: str, told: str) -> None:
    ended = run("pack", written(tmp_path, text), *REGION, "-w", market(tmp_path))

    assert ended.code in {1, 2}
    assert told in ended.err
    assert "pods.yaml" in ended.err


def test_a_file_that_is_not_there_is_named(run: Run, tmp_path: Path) -> None:
    ended = run("pack", "nowhere.yaml", *REGION, "-w", market(tmp_path))

    assert ended.code == 2
    assert "nowhere.yaml: cannot be read" in ended.err


def test_what_the_solver_prints_past_python_stays_off_standard_output(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with solver_off_stdout():
        os.write(1, b"solver\n")
    os.write(1, b"data\n")

    printed = capfd.readouterr()
    assert printed.out == "data\n"
    assert printed.err == "solver\n"
