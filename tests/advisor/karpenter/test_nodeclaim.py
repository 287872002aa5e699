"""The NodeClaim: a node of its NodePool, of one pool, that drift does not take at once."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from advisor.errors import ManifestError
from advisor.karpenter.nodeclaim import claim_name, node_claim, not_allowed
from advisor.karpenter.nodepool import NodePoolSettings, nodepool
from advisor.karpenter.requirements import Requirement
from tests.support.crd import judge
from tests.support.offerings import NOW, offering
from warehouse.records import CapacityType, Offering

CHOSEN = [offering("g6.xlarge", "use1-az6"), offering("g5.xlarge", "use1-az4")]
UID = "0b0c9f5e-0000-4000-8000-000000000000"


def a_nodepool(
    chosen: list[Offering] = CHOSEN, *extra: Requirement, **changed: Any
) -> dict[str, Any]:
    settings = NodePoolSettings(name="gpu", node_class="gpu", warming_taint=True, **changed)
    return nodepool(chosen, settings, {}, extra=extra)


def as_in_a_cluster(manifest: dict[str, Any]) -> dict[str, Any]:
    manifest["metadata"] |= {
        "uid": UID,
        "annotations": {
            "karpenter.sh/nodepool-hash": "1",
            "karpenter.sh/nodepool-hash-version": "v3",
        },
    }
    manifest["spec"]["template"]["metadata"] = {
        "labels": {"example.com/team": "serving"},
        "annotations": {"example.com/note": "x"},
    }
    return manifest


def requirements(claim: dict[str, Any]) -> dict[str, list[str]]:
    return {one["key"]: one.get("values", []) for one in claim["spec"]["requirements"]}


def test_a_claim_asks_for_its_pool_and_nothing_else() -> None:
    owner = a_nodepool(min_instance_types=2)

    claim = node_claim(owner, CHOSEN[1], name="one")

    asked = requirements(claim)
    assert asked["node.kubernetes.io/instance-type"] == ["g5.xlarge"]
    assert asked["topology.k8s.aws/zone-id"] == ["use1-az4"]
    assert asked["karpenter.sh/capacity-type"] == ["spot"]
    assert asked["karpenter.sh/nodepool"] == ["gpu"]
    assert not [one for one in claim["spec"]["requirements"] if "minValues" in one]
    assert judge("aws", claim).errors == ()


def test_a_claim_has_all_that_a_node_of_its_nodepool_has() -> None:
    owner = as_in_a_cluster(a_nodepool(termination_grace_period="30m"))

    claim = node_claim(owner, CHOSEN[0], name="one", annotations={"spotcast.io/stale": "false"})

    template = owner["spec"]["template"]["spec"]
    spec = {key: value for key, value in template.items() if key != "requirements"}
    assert {key: claim["spec"][key] for key in spec} == spec
    assert claim["metadata"]["labels"] == {
        "example.com/team": "serving",
        "karpenter.sh/nodepool": "gpu",
    }
    assert claim["metadata"]["annotations"] == {
        "example.com/note": "x",
        "karpenter.sh/nodepool-hash": "1",
        "karpenter.sh/nodepool-hash-version": "v3",
        "karpenter.sh/do-not-disrupt": "true",
        "spotcast.io/stale": "false",
    }
    (reference,) = claim["metadata"]["ownerReferences"]
    assert (reference["kind"], reference["name"], reference["uid"]) == ("NodePool", "gpu", UID)
    assert judge("aws", claim).errors == ()


def test_without_a_uid_there_is_no_owner() -> None:
    assert "ownerReferences" not in node_claim(a_nodepool(), CHOSEN[0], name="one")["metadata"]


@pytest.mark.parametrize(
    ("own", "label"),
    [
        (Requirement("example.com/team", "In", ("a", "b")), "a"),
        (Requirement("example.com/team", "Exists"), "true"),
        (Requirement("example.com/team", "Gt", ("4",)), "5"),
        (Requirement("example.com/team", "Lt", ("4",)), "3"),
        (Requirement("example.com/team", "NotIn", ("a",)), None),
        (Requirement("example.com/team", "DoesNotExist"), None),
    ],
)
def test_labels_that_the_nodepool_asks_for_are_on_the_claim(
    own: Requirement, label: str | None
) -> None:
    claim = node_claim(a_nodepool(CHOSEN, own), CHOSEN[0], name="one")

    assert claim["metadata"]["labels"].get("example.com/team") == label
    assert "spotcast.io/retire" not in claim["metadata"]["labels"]


def test_a_label_that_can_have_no_value_is_refused() -> None:
    owner = a_nodepool(CHOSEN, Requirement("example.com/team", "Lt", ("0",)))

    with pytest.raises(ManifestError, match="no value meets Lt 0"):
        node_claim(owner, CHOSEN[0], name="one")


@pytest.mark.parametrize(
    "wanted",
    [
        offering("g4dn.xlarge", "use1-az4"),
        offering("g5.xlarge", "use1-az1"),
        replace(CHOSEN[0], capacity_type=CapacityType.ON_DEMAND),
    ],
)
def test_a_pool_that_the_nodepool_does_not_allow_is_refused(wanted: Offering) -> None:
    with pytest.raises(ManifestError, match="replaced at once"):
        node_claim(a_nodepool(), wanted, name="one")


def test_a_nodepool_that_names_no_zone_allows_all() -> None:
    assert (
        not_allowed(a_nodepool([offering("g5.xlarge")]), offering("g5.xlarge", "use1-az2")) is None
    )


def test_a_regional_offering_leaves_the_zone_to_karpenter() -> None:
    claim = node_claim(a_nodepool(), offering("g5.xlarge"), name="one")

    assert requirements(claim)["topology.k8s.aws/zone-id"] == ["use1-az4", "use1-az6"]


@pytest.mark.parametrize(
    ("provider", "name", "gpus", "expected"),
    [("aws", "g5.48xlarge", 8, "8"), ("gcp", "a2-highgpu-8g", 8, "1")],
)
def test_the_machines_gpus_are_asked_for_as_karpenter_counts_them(
    provider: str, name: str, gpus: int, expected: str
) -> None:
    wanted = offering(name, provider=provider, gpu_count=gpus)

    claim = node_claim(a_nodepool([wanted]), wanted, name="one")

    assert claim["spec"]["resources"] == {"requests": {"nvidia.com/gpu": expected}}


def test_amd_gpus_are_asked_for_by_their_own_name() -> None:
    owner = a_nodepool(gpu_resource="amd.com/gpu")

    claim = node_claim(owner, CHOSEN[0], name="one")

    assert claim["spec"]["resources"]["requests"] == {"amd.com/gpu": "1"}


def test_requests_of_the_users_own_go_before() -> None:
    claim = node_claim(a_nodepool(), CHOSEN[0], name="one", requests={"cpu": "3500m"})

    assert claim["spec"]["resources"]["requests"] == {"cpu": "3500m"}
    with pytest.raises(ManifestError, match="is no quantity"):
        node_claim(a_nodepool(), CHOSEN[0], name="one", requests={"cpu": "much"})


@pytest.mark.parametrize(
    ("owner", "complaint"),
    [
        ({"kind": "NodePool", "metadata": {"name": "x"}}, "'spec' is missing"),
        (a_nodepool() | {"kind": "NodeClaim"}, "is a NodeClaim, not a NodePool"),
        (
            a_nodepool([offering("g2-standard-4", provider="gcp")]),
            "node class is of karpenter.k8s.gcp, the offering of aws",
        ),
    ],
)
def test_what_is_no_nodepool_of_the_provider_is_refused(
    owner: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ManifestError, match=complaint):
        node_claim(owner, CHOSEN[0], name="one")


def test_the_name_differs_by_pool_and_by_time() -> None:
    names = {
        claim_name("gpu" * 30, one.pool, at)
        for one in CHOSEN
        for at in (NOW, NOW + timedelta(seconds=1))
    }

    assert len(names) == 4
    assert max(map(len, names)) <= 63
