"""``spotcast render`` and ``spotcast return``, end to end: what they print where, how they end."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hcl2
import pytest
import yaml

from tests.support.cli import Run, fill
from tests.support.market import a_pool, a_price, a_shape, a_signal
from warehouse.records import OnDemandPrice, Record

AWS = ("-p", "aws", "-r", "us-east-1", "-g", "1")
GCP = ("-r", "us-central1", "-g", "1")


def a_market(at: datetime) -> list[Record]:
    """Two GPU pools of AWS of one shape, one of Google Cloud, and one of unknown shape."""
    google = a_pool("g2-standard-4", "us-central1-a", "us-central1", "gcp")
    l4 = a_shape("g2-standard-4", provider="gcp", gpu_name="NVIDIA L4", gpu_memory_gib=24)
    return [
        a_shape("g5.xlarge"),
        a_shape("g6.xlarge", gpu_name="L4"),
        l4,
        a_price(0.4, a_pool("g5.xlarge"), at),
        a_price(0.3, a_pool("g6.xlarge", "use1-az1"), at),
        a_price(0.2, google, at),
        a_price(0.1, a_pool("g9.xlarge"), at),
        OnDemandPrice("aws", "us-east-1", "g5.xlarge", at, 1.0, "USD", "list", at),
        OnDemandPrice("aws", "us-east-1", "g6.xlarge", at, 0.9, "USD", "list", at),
        OnDemandPrice("gcp", "us-central1", "g2-standard-4", at, 0.7, "USD", "list", at),
        a_signal(0.05, 0.10, pool=a_pool("g5.xlarge", zone="*"), observed_at=at),
        a_signal(0.05, 0.10, pool=a_pool("g6.xlarge", zone="*"), observed_at=at),
    ]


@pytest.fixture
def market_at() -> Callable[[datetime], list[Record]]:
    return a_market


def test_a_fleet_is_json_alone_with_each_pool_in_order(run: Run, fresh: str) -> None:
    ended = run("render", "ec2-fleet", *AWS, "--launch-template", "gpu", "-w", fresh)

    request = json.loads(ended.out)
    assert ended.code == 0
    assert request["LaunchTemplateConfigs"][0]["Overrides"] == [
        {"InstanceType": "g6.xlarge", "AvailabilityZoneId": "use1-az1", "Priority": 0},
        {"InstanceType": "g5.xlarge", "AvailabilityZoneId": "use1-az4", "Priority": 1},
    ]
    assert "No subnet is named" in ended.err


def test_a_group_tells_the_pairs_that_were_not_ranked(run: Run, fresh: str) -> None:
    subnets = ("--subnet", "use1-az1=subnet-1", "--subnet", "use1-az4=subnet-4")
    ended = run(
        *("render", "autoscaling-group", *AWS, "--launch-template", "lt-0a", *subnets),
        *("--max", "4", "-o", "yaml", "-w", fresh),
    )

    request = yaml.safe_load(ended.out)
    assert ended.code == 0
    assert (request["MaxSize"], request["VPCZoneIdentifier"]) == (4, "subnet-1,subnet-4")
    assert "may also start 2 pools" in ended.err


@pytest.mark.parametrize("shape", [[], ["--per-shape"]])
def test_node_groups_on_demand_are_ordered_by_list_price(
    run: Run, fresh: str, shape: list[str]
) -> None:
    ended = run(
        *("render", "eks-node-group", *AWS, "--cluster", "prod", "--subnet", "subnet-1"),
        *("--node-role", "arn:aws:iam::1:role/n", "--label", "tier=gpu", "--on-demand"),
        *(*shape, "-w", fresh),
    )

    made: Any = json.loads(ended.out)
    request = made[0] if shape else made
    assert ended.code == 0
    assert request["capacityType"] == "ON_DEMAND"
    assert request["instanceTypes"] == ["g6.xlarge", "g5.xlarge"]
    assert request["labels"] == {"tier": "gpu"}
    assert request["nodegroupName"] == ("gpu-spot-1" if shape else "gpu-spot")


@pytest.mark.parametrize("output", ["terraform-node-group", "terraform-nodepool"])
def test_terraform_comes_in_both_languages(run: Run, fresh: str, output: str) -> None:
    as_json = run("render", output, *AWS, "-w", fresh)
    as_hcl = run("render", output, *AWS, "-o", "hcl", "-w", fresh)

    kinds = list(json.loads(as_json.out)["resource"])
    assert (as_json.code, as_hcl.code) == (0, 0)
    assert [next(iter(one)).strip('"') for one in hcl2.loads(as_hcl.out)["resource"]] == kinds
    assert as_hcl.out.startswith("# Chosen by spotcast from prices as of ")


def test_several_shapes_are_several_resources(run: Run, fresh: str) -> None:
    fill(
        Path(fresh),
        a_shape("g5.2xlarge", vcpu=8, memory_gib=32),
        a_price(0.6, a_pool("g5.2xlarge"), datetime.now(UTC)),
    )
    ended = run("render", "terraform-node-group", *AWS, "--per-shape", "-w", fresh)

    groups = json.loads(ended.out)["resource"]["aws_eks_node_group"]
    assert {name: one["instance_types"] for name, one in groups.items()} == {
        "gpu_spot_1": ["g6.xlarge", "g5.xlarge"],
        "gpu_spot_2": ["g5.2xlarge"],
    }


def test_the_expander_takes_names_of_groups(run: Run, fresh: str) -> None:
    ended = run(
        *("render", "cluster-autoscaler", *AWS, "--group", "g5.xlarge=^old-", "--last", "-od-"),
        *("-w", fresh),
    )

    priorities = yaml.safe_load(yaml.safe_load(ended.out)["data"]["priorities"])
    assert ended.code == 0
    assert (priorities[10], priorities[1]) == (["^old-"], ["-od-"])


def test_a_compute_class_ends_on_demand_if_asked(run: Run, fresh: str) -> None:
    ended = run("render", "compute-class", *GCP, "--with-on-demand", "-w", fresh)

    manifest = yaml.safe_load(ended.out)
    assert ended.code == 0
    assert [rule["spot"] for rule in manifest["spec"]["priorities"]] == [True, False]
    assert manifest["metadata"]["annotations"]["spotcast.io/unknown-risk-pools"] == "1"


def test_a_task_spans_clouds_and_says_what_is_unknown_in_comments(run: Run, fresh: str) -> None:
    ended = run("render", "skypilot", "-g", "1", "-w", fresh)

    ordered = yaml.safe_load(ended.out)["resources"]["ordered"]
    assert ended.code == 0
    assert [one["cloud"] for one in ordered] == ["aws", "aws", "gcp"]
    assert "# The risk of 1 of 3 pools is unknown; unknown is not safe." in ended.out
    as_json = run("render", "skypilot", "-g", "1", "-o", "json", "-w", fresh)
    assert json.loads(as_json.out)["resources"]["ordered"] == ordered
    assert "unknown is not safe" in as_json.err


def test_one_line_is_one_line(run: Run, fresh: str) -> None:
    assert run("render", "one-line", *AWS, "-w", fresh).out == "g6.xlarge,g5.xlarge\n"
    placed = run("render", "one-line", *AWS, "--places", "-w", fresh)
    assert placed.out == "g6.xlarge@use1-az1,g5.xlarge@use1-az4\n"


def test_stale_data_is_marked_in_the_output_and_by_the_code(run: Run, stale: str) -> None:
    ended = run("render", "ec2-fleet", *AWS, "--launch-template", "gpu", "-w", stale)

    tags = json.loads(ended.out)["TagSpecifications"][0]["Tags"]
    assert ended.code == 3
    assert {"Key": "spotcast.io/stale", "Value": "true"} in tags
    assert "STALE" in ended.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("ec2-fleet", "-p", "gcp", "-r", "a", "--launch-template", "gpu"), 2, "for aws, not gcp"),
        (("ec2-fleet", "-g", "1", "--launch-template", "gpu"), 2, "give one region"),
        (("ec2-fleet", *AWS, "--launch-template", "x"), 1, "neither a name nor an id"),
        (("cluster-autoscaler", "-r", "us-east-1"), 2, "give --provider"),
        (("cluster-autoscaler", *AWS, "--group", "g5"), 2, "--group g5: write NAME=VALUE"),
        (("ec2-fleet", *AWS, "--launch-template", "gpu", "--subnet", "net"), 1, "no subnet id"),
    ],
)
def test_what_cannot_be_written_is_told_in_a_sentence(
    run: Run, fresh: str, arguments: tuple[str, ...], code: int, words: str
) -> None:
    ended = run("render", *arguments, "-w", fresh)

    assert (ended.code, ended.out) == (code, "")
    assert words in ended.err


def test_a_workload_returns_to_the_best_pool(run: Run, fresh: str) -> None:
    ended = run("return", *AWS, "--since", "3h", "-o", "json", "-w", fresh)

    answer = json.loads(ended.out)["decisions"][0]
    assert ended.code == 0
    assert (answer["decision"], answer["capacity_type"]) == ("move", "spot")
    assert answer["pool"] == "g6.xlarge in use1-az1"
    assert answer["on_demand_usd_per_hour"] == 0.9
    assert "nobody has seen its capacity" in ended.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--since", "3h", "--lost", "10m"), "spot was lost less than 30 min ago"),
        (("--since", "10m"), "the minimum stay of 30 min"),
        (("--since", "3h", "--no-capacity"), "had no capacity"),
        (("--since", "3h", "--on-demand-price", "0.31"), "would have to stay below 0.2790"),
        (("--since", "3h", "--moves-per-day", "1", "--moved", "4h"), "1 move within a day"),
        (("--since", "3h", "--on", "spot"), "stays on spot"),
    ],
)
def test_a_workload_stays_for_a_reason(
    run: Run, fresh: str, arguments: tuple[str, ...], words: str
) -> None:
    ended = run("return", *AWS, *arguments, "-o", "csv", "-w", fresh)

    assert ended.code == 0
    assert ended.out.splitlines()[1].startswith("stay,")
    assert words in ended.out


def test_stale_or_unknown_data_brings_nobody_back(run: Run, fresh: str, stale: str) -> None:
    old = run("return", *AWS, "--since", "3h", "-o", "json", "-w", stale)
    unknown = run("return", *GCP, "--since", "3h", "-o", "json", "-w", fresh)

    assert json.loads(old.out)["decisions"][0]["decision"] == "stay"
    assert (old.code, unknown.code) == (3, 0)
    assert "is stale" in old.err
    assert "unknown is not safe" in unknown.err


def test_a_table_shows_the_decision_and_its_reason_stands_below(run: Run, fresh: str) -> None:
    ended = run("return", *AWS, "--since", "3h", "-w", fresh)

    assert ended.out.split()[:4] == ["DECISION", "BE", "ON", "POOL"]
    assert ended.err.startswith("Returns to spot: g6.xlarge in use1-az1 costs at most 0.30")
    assert "1 pools have a price but no known machine shape" in ended.err


def test_a_machine_without_a_list_price_is_left_out_on_demand(run: Run, fresh: str) -> None:
    at = datetime.now(UTC)
    fill(
        Path(fresh), a_shape("g4dn.xlarge", gpu_name="T4"), a_price(0.2, a_pool("g4dn.xlarge"), at)
    )

    ended = run("render", "skypilot", *AWS, "--with-on-demand", "-w", fresh)

    ordered = yaml.safe_load(ended.out)["resources"]["ordered"]
    assert [one["instance_type"] for one in ordered if not one["use_spot"]] == [
        "g6.xlarge",
        "g5.xlarge",
    ]
    assert "1 of 3 pools have no known price on demand" in ended.err


def test_a_time_to_come_or_settings_that_flap_are_refused(run: Run, fresh: str) -> None:
    future = run("return", *AWS, "--since", "2099-01-01", "-w", fresh)
    flapping = run("return", *AWS, "--since", "3h", "--margin-to-return", "0.01", "-w", fresh)

    assert (future.code, flapping.code) == (2, 1)
    assert "is in the future" in future.err
    assert "prices at the border flap" in flapping.err
