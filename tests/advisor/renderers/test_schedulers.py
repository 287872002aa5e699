"""Cluster Autoscaler, GKE, SkyPilot and one line: outputs for those who choose by themselves."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.errors import ManifestError
from advisor.renderers.choice import Provenance
from advisor.renderers.cluster_autoscaler import ExpanderSettings, priority_expander
from advisor.renderers.compute_class import ComputeClassSettings, compute_class
from advisor.renderers.one_line import one_line
from advisor.renderers.skypilot import SkyPilotSettings, accelerator, resources
from tests.support.renderers import MACHINES, NOW, PROVENANCE, Machine, choices, chosen, some
from warehouse.records import CapacityType, Offering

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "fixtures" / "skypilot" / "resources.schema.json").read_text()
)

SKYPILOT = jsonschema.Draft7Validator(SCHEMA)


def priorities(offerings: list[Offering], **given: Any) -> dict[int, list[str]]:
    manifest = priority_expander(offerings, ExpanderSettings(**given), PROVENANCE).document
    parsed: dict[int, list[str]] = yaml.safe_load(manifest["data"]["priorities"])
    return parsed


def expander_chooses(groups: list[str], wanted: dict[int, list[str]]) -> list[str]:
    """What the expander's own code does (expander/priority/priority.go, BestOptions)."""
    found: dict[int, list[str]] = {}
    for name in groups:
        for number, expressions in wanted.items():
            if any(re.search(one, name) for one in expressions):
                found.setdefault(number, []).append(name)
    return found[max(found)] if found else groups


def spelled(instance_type: str, style: int) -> str:
    """How people put a type into the name of a node group."""
    plain = [instance_type, instance_type.replace(".", "-"), re.sub(r"[._]", "", instance_type)]
    return f"eks-{plain[style % 3]}-5ac8e2f1"


@given(choices("aws"), st.integers(0, 2))
def test_the_expander_takes_the_best_group_that_there_is(
    offerings: list[Offering], style: int
) -> None:
    wanted = priorities(offerings)
    left = list(dict.fromkeys(one.pool.instance_type for one in offerings))

    assert all(len(expressions) == 1 for expressions in wanted.values())
    while left:
        groups = [spelled(one, style) for one in reversed(left)]
        assert expander_chooses(groups, wanted) == [spelled(left.pop(0), style)]


def test_a_name_within_a_longer_one_is_not_meant() -> None:
    short = chosen(Machine("n1-standard-1", 1, 3.75), provider="gcp")
    wanted = priorities([short])[10][0]

    assert re.search(wanted, "gke-prod-n1-standard-1-grp")
    assert not re.search(wanted, "gke-prod-n1-standard-16-grp")
    assert not re.search(wanted, "gke-prod-an1-standard-1-grp")


def test_groups_per_zone_are_told_apart_and_a_region_has_none() -> None:
    zoned = [
        *some("aws", "g5.xlarge", zone="use1-az4"),
        *some("aws", "g5.xlarge", zone="use1-az1"),
    ]
    wanted = priorities(zoned, pattern="{type}-{zone}")

    assert expander_chooses(["g5-xlarge-use1-az1", "g5-xlarge-use1-az4"], wanted) == [
        "g5-xlarge-use1-az4"
    ]
    assert len(priorities(zoned)) == 1
    with pytest.raises(ManifestError, match="offered for a whole region"):
        priorities(some("aws", "g5.xlarge"), pattern="{type}-{zone}")


def test_groups_on_demand_come_last() -> None:
    wanted = priorities(some("aws", "g5.xlarge"), last=("on-demand",))

    assert expander_chooses(["on-demand-g6", "g5.xlarge-spot"], wanted) == ["g5.xlarge-spot"]
    assert expander_chooses(["on-demand-g6", "other"], wanted) == ["on-demand-g6"]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"namespace": "Kube System"}, "namespace"),
        ({"pattern": "gpu"}, r"'gpu' has no \{type\}"),
        ({"pattern": "{type}("}, "expression"),
        ({"last": ("(?!spot)",)}, "no look-around"),
        ({"groups": {"g5.xlarge": r"(a)\1"}}, "no back-reference"),
        ({"groups": {"g6.xlarge": "six"}}, "g6.xlarge is not among the types"),
    ],
)
def test_what_would_void_the_config_map_is_refused(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(ManifestError, match=reason):
        priorities(some("aws", "g5.xlarge"), **given)


@given(choices("gcp"))
def test_a_compute_class_lists_each_pool_once_in_order(offerings: list[Offering]) -> None:
    spec = compute_class(offerings, ComputeClassSettings("gpu"), PROVENANCE).document["spec"]

    listed = [
        (rule["machineType"], zone)
        for rule in spec["priorities"]
        for zone in rule.get("location", {"zones": ["*"]})["zones"]
    ]
    pools = [(one.pool.instance_type, one.pool.zone) for one in offerings]
    everywhere = {name for name, zone in listed if zone == "*"}
    assert [pool for pool in listed if pool[0] not in everywhere] == [
        pool for pool in pools if pool[0] not in everywhere
    ]
    assert everywhere <= {name for name, zone in pools if zone == "*"}
    counts = {one.pool.instance_type: one.instance_type.gpu_count for one in offerings}
    assert all(
        rule.get("gpu", {"count": 0})["count"] == counts[rule["machineType"]]
        for rule in spec["priorities"]
    )


def test_a_compute_class_says_that_nothing_is_on_demand_only_if_so() -> None:
    spot = some("gcp", "g2-standard-4")
    listed = chosen(MACHINES["gcp"][0], provider="gcp", capacity_type=CapacityType.ON_DEMAND)
    wanted = ComputeClassSettings("gpu")

    assert "pods wait" in compute_class(spot, wanted, PROVENANCE).notes[-1]
    assert len(compute_class([*spot, listed], wanted, PROVENANCE).notes) == 1


def test_a_gpu_without_a_word_of_gke_is_refused() -> None:
    new = chosen(Machine("a9-highgpu-1g", 8, 64, "R100", 1), provider="gcp")

    with pytest.raises(ManifestError, match="calls the R100 of a9-highgpu-1g is not known"):
        compute_class([new], ComputeClassSettings("gpu"), PROVENANCE)
    with pytest.raises(ManifestError, match="is for gcp"):
        compute_class(some("aws", "g5.xlarge"), ComputeClassSettings("gpu"), PROVENANCE)
    with pytest.raises(ManifestError, match="no name"):
        ComputeClassSettings("GPU spot")


@settings(max_examples=40)
@given(
    choices("aws"),
    choices("gcp"),
    choices("azure"),
    st.sampled_from(["ordered", "any_of"]),
    st.sampled_from(["EAGER_NEXT_REGION", "FAILOVER"]),
)
def test_every_task_passes_skypilots_own_schema(
    aws: list[Offering], gcp: list[Offering], azure: list[Offering], choice: Any, recovery: Any
) -> None:
    made = resources([*gcp, *aws, *azure], SkyPilotSettings(choice, recovery)).document["resources"]

    SKYPILOT.validate(made)
    clouds = SCHEMA["properties"]["cloud"]["case_insensitive_enum"]
    entries = made[choice]
    assert {one["cloud"] for one in entries} <= set(clouds)
    assert all(entries.count(one) == 1 for one in entries)
    types = [one.pool.instance_type for one in [*gcp, *aws, *azure]]
    assert list(dict.fromkeys(one["instance_type"] for one in entries)) == list(
        dict.fromkeys(types)
    )


def test_zones_that_skypilot_does_not_take_are_left_out_and_said() -> None:
    made = resources(
        [
            *some("aws", "g5.xlarge", zone="use1-az4"),
            *some("aws", "g5.xlarge", zone="use1-az1"),
            *some("aws", "g6.xlarge", zone="us-east-1a"),
        ],
        SkyPilotSettings(),
    )

    assert [one.get("zone") for one in made.document["resources"]["ordered"]] == [
        None,
        "us-east-1a",
    ]
    assert made.notes[0].startswith("The zones of 2 offerings were left out")


def test_a_cloud_that_skypilot_lacks_is_refused() -> None:
    with pytest.raises(ManifestError, match="has no cloud alibaba; it takes aws, azure, gcp"):
        resources(some("alibaba", "ecs.gn7i-c8g1.2xlarge"), SkyPilotSettings())
    with pytest.raises(ManifestError, match="no offering was chosen"):
        resources([], SkyPilotSettings())


@pytest.mark.parametrize(
    ("gpu_name", "gib", "name"),
    [
        ("A10G", 22.35, "A10G"),
        ("A10", 24, "A10"),
        ("T4g", 16, "T4g"),
        ("NVIDIA L4", 24, "L4"),
        ("L40S", 45, "L40S"),
        ("A100", 40, "A100"),
        ("NVIDIA A100 80GB", 80, "A100-80GB"),
        ("V100", 16, "V100"),
        ("NVIDIA H100 80GB (mega)", 80, "H100-MEGA"),
        ("NVIDIA H100 80GB", 80, "H100"),
        ("NVIDIA RTX PRO 6000", 96, "RTXPRO6000"),
        ("RADEON-PRO-V520", 8, None),
        ("Trainium2", 96, None),
    ],
)
def test_gpus_have_skypilots_names(gpu_name: str, gib: float, name: str | None) -> None:
    machine = chosen(Machine("x.large", 4, 16, gpu_name, 1, gib)).instance_type

    assert accelerator(machine) == name


def test_a_part_of_a_gpu_is_not_asked_for_as_one() -> None:
    assert accelerator(chosen(Machine("g6f.large", 2, 8, "L4", 0, 2.8)).instance_type) is None


def test_one_line_names_each_type_once_or_each_pool() -> None:
    offerings = [
        *some("aws", "g5.xlarge", zone="use1-az4"),
        *some("aws", "g6.xlarge"),
        *some("aws", "g5.xlarge", zone="use1-az1"),
    ]

    assert one_line(offerings) == "g5.xlarge,g6.xlarge"
    assert one_line(offerings, with_places=True) == (
        "g5.xlarge@use1-az4,g6.xlarge@us-east-1,g5.xlarge@use1-az1"
    )
    assert one_line([]) == ""


def test_what_is_stale_or_unknown_is_told_in_words() -> None:
    fresh = Provenance(NOW, "published", is_stale=False, pools=2, unknown_risk_pools=0)

    assert fresh.sentences() == [
        "Chosen by spotcast from prices as of 2026-11-01T00:00:00Z; risk: published."
    ]
    assert fresh.annotations()["spotcast.io/stale"] == "false"
