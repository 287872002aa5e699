"""What a real API server refuses, and that tests/support/crd.py says the same without one."""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from advisor.karpenter.nodeclass import node_class
from advisor.karpenter.nodepool import NodePoolSettings, nodepool
from tests.support.control_plane import ControlPlane
from tests.support.crd import judge
from tests.support.karpenter import CRD_FOLDER, OUTPUTS, TYPES, ZONES, outputs_of
from tests.support.offerings import offering

Manifest = dict[str, Any]
Change = Callable[[Manifest], object]

SERVER_ERROR = 500
WRONG_TYPE = "failed to create typed patch object"
"""Server-side apply calls a value of the wrong type its own fault; it is a refusal like others."""


def good(provider: str) -> Manifest:
    """A NodePool that every provider takes."""
    machine = offering(TYPES[provider][0], ZONES[provider][0][1], provider=provider)
    return nodepool([machine], NodePoolSettings("inference", "gpu"), {})


def disruption(**given_fields: Any) -> Change:
    return lambda one: one["spec"]["disruption"].update(given_fields)


def budget(**given_fields: Any) -> Change:
    return disruption(budgets=[{"nodes": "1", **given_fields}])


def spec(**given_fields: Any) -> Change:
    return lambda one: one["spec"].update(given_fields)


def template(**given_fields: Any) -> Change:
    return lambda one: one["spec"]["template"]["spec"].update(given_fields)


def requirement(key: str, operator: str, *values: Any, **more: Any) -> Change:
    listed = {"values": list(values)} if values else {}
    added = {"key": key, "operator": operator, **listed, **more}
    return lambda one: one["spec"]["template"]["spec"]["requirements"].append(added)


REFUSED_BY_ALL: dict[str, Change] = {
    "no consolidateAfter": lambda one: one["spec"]["disruption"].pop("consolidateAfter"),
    "no template": lambda one: one["spec"].pop("template"),
    "expireAfter in days": template(expireAfter="30d"),
    "a line break in a duration": template(terminationGracePeriod="5m\n"),
    "a class without a name": template(
        nodeClassRef={"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": ""}
    ),
    "budget over 100 %": budget(nodes="150%"),
    "budget as a number": budget(nodes=1),
    "schedule without duration": budget(schedule="@daily"),
    "unknown reason": budget(reasons=["Spot"]),
    "51 budgets": disruption(budgets=[{"nodes": "1"}] * 51),
    "weight 0": spec(weight=0),
    "weight 101": spec(weight=101),
    "unknown field": spec(taints=[]),
    "unknown field of metadata": lambda one: one["metadata"].update(label={}),
    "no name that an object may have": lambda one: one["metadata"].update(name="In_ference"),
    "a label's value with a blank": lambda one: one["metadata"].update(labels={"a": "b c"}),
    "In without values": requirement("a", "In"),
    "Gt of a word": requirement("a", "Gt", "x"),
    "Gt of -1": requirement("a", "Gt", "-1"),
    "a number as value": requirement("a", "In", 8),
    "minValues 51": requirement("a", "In", *"v" * 60, minValues=51),
    "minValues over values": requirement("a", "In", "v", minValues=2),
    "101 requirements": template(requirements=[{"key": "a", "operator": "Exists"}] * 101),
}
"""By what is wrong: what to do to a good NodePool."""

REFUSED_BY_CURRENT: dict[str, Change] = {
    "Karpenter's own key": requirement("karpenter.sh/nodepool", "Exists"),
    "Karpenter's domain": requirement("karpenter.sh/foo", "Exists"),
    "host name": requirement("kubernetes.io/hostname", "Exists"),
    "unknown operator": requirement("a", "Near", "v"),
    "static with weight": spec(replicas=1, weight=5),
    "reason named twice": budget(reasons=["Empty", "Empty"]),
}
"""By AWS, Azure and GCP, whose CRDs are of Karpenter 1.14."""

ALSO_REFUSED: dict[str, dict[str, Change]] = {
    "aws": {"unknown key": requirement("karpenter.k8s.aws/unknown", "Exists")},
    "azure": {
        "unknown key": requirement("karpenter.azure.com/unknown", "Exists"),
        "a banned key": requirement("agentpool", "Exists"),
    },
    "alibaba": {
        "replicas": spec(replicas=1),
        "Balanced": disruption(consolidationPolicy="Balanced"),
    },
    "gcp": {},
}

TAKEN_BY_ALL: dict[str, Change] = {
    "a budget without nodes, which default to 10 %": disruption(budgets=[{"reasons": ["Empty"]}]),
    "another provider's key": requirement("karpenter.example/instance-size", "Exists"),
    "a value of 80 letters": requirement("a", "In", "v" * 80),
    "a value with a slash": requirement("a", "In", "b/c"),
}
"""Accepted and useless: our own checks must stop these, the API server does not."""

TAKEN_BY_ALIBABA: dict[str, Change] = {
    name: REFUSED_BY_CURRENT[name]
    for name in ("Karpenter's own key", "Karpenter's domain", "host name", "unknown operator")
} | {
    "Gte": requirement("a", "Gte", "1"),
    "a misspelt key": requirement("karpenter.k8s.alibabacloud/instance-famly", "Exists"),
}


def bad(provider: str) -> dict[str, Change]:
    """What the provider's CRD refuses."""
    current = {} if provider == "alibaba" else REFUSED_BY_CURRENT
    return REFUSED_BY_ALL | current | ALSO_REFUSED[provider]


def harmless(provider: str) -> dict[str, Change]:
    """What it takes, though it is of no use."""
    return TAKEN_BY_ALL | (TAKEN_BY_ALIBABA if provider == "alibaba" else {})


def is_taken(plane: ControlPlane, manifest: Manifest) -> bool:
    """Whether the server takes the manifest; fails if its answer is neither yes nor a refusal."""
    answer = plane.api.apply(manifest, dry_run=True)
    if answer.status_code == SERVER_ERROR:
        assert WRONG_TYPE in answer.json()["message"]
    else:
        assert answer.status_code in {200, 201, 400, 422}, answer.text
    return answer.is_success


def test_what_contract_and_judge_call_bad_is_refused(
    provider_plane: ControlPlane, provider: str
) -> None:
    verdicts = {}
    for why, change in bad(provider).items():
        manifest = good(provider)
        change(manifest)
        errors = judge(CRD_FOLDER[provider], manifest).errors
        verdicts[why] = (is_taken(provider_plane, manifest), errors == ())

    assert is_taken(provider_plane, good(provider))
    assert verdicts == dict.fromkeys(verdicts, (False, False))
    assert len(verdicts) >= len(REFUSED_BY_ALL)


def test_what_is_of_no_use_is_taken_all_the_same(
    provider_plane: ControlPlane, provider: str
) -> None:
    verdicts = {}
    for why, change in harmless(provider).items():
        manifest = good(provider)
        change(manifest)
        errors = judge(CRD_FOLDER[provider], manifest).errors
        verdicts[why] = (is_taken(provider_plane, manifest), errors == ())

    assert verdicts == dict.fromkeys(verdicts, (True, True))


@pytest.mark.parametrize(
    "text", ["+.5", "1e-3", "0.43", "yes", "0x1F", "12:30", "null", "~", "1_0"]
)
def test_a_word_that_yaml_reads_as_something_else_arrives_as_text(
    provider_plane: ControlPlane, provider: str, text: str
) -> None:
    manifest = good(provider)
    manifest["metadata"]["annotations"] = {"example.com/text": text}

    answer = provider_plane.api.apply(manifest, dry_run=True)

    assert answer.json()["metadata"]["annotations"] == {"example.com/text": text}


def test_node_classes_keep_to_their_rules(provider_plane: ControlPlane, provider: str) -> None:
    given_fields: dict[str, dict[str, Any]] = {
        "aws": {"cluster": "demo", "role": "nodes"},
        "alibaba": {"cluster": "demo"},
    }
    manifest = node_class(provider, "gpu", **given_fields.get(provider, {}))
    changes: dict[str, dict[str, Any]] = {
        "aws": {"instanceProfile": "too"},
        "alibaba": {"imageSelectorTerms": [{"alias": "AlibabaCloudLinux3@latest"}]},
        "gcp": {"imageSelectorTerms": []},
        "azure": {"osDiskSizeGB": 29},
    }

    assert is_taken(provider_plane, manifest)
    manifest["spec"] |= changes[provider]
    assert not is_taken(provider_plane, manifest)
    assert judge(CRD_FOLDER[provider], manifest).errors


# Without null: to the server it is a field left out, and we write none.
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(True, 0, -1, 51, 101, 2**40, 1.5, "", "0", "x", "a/b", "5m", "-5m", "30d", "10%", "101%"),
        *(
            "Never",
            "Exists",
            "Gt",
            "In",
            "A B",
            "v" * 64,
            "karpenter.sh/x",
            [],
            ["x"],
            ["x", "x"],
            {},
        ),
    ]
)


def places(thing: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The paths to everything in the manifest that can be changed or dropped."""
    inner: list[tuple[str | int, Any]] = []
    if isinstance(thing, dict):
        inner = list(thing.items())
    elif isinstance(thing, list):
        inner = list(enumerate(thing))
    found = [one for key, value in inner for one in places(value, (*path, key))]
    return [path, *found] if path else found


@st.composite
def spoiled(draw: st.DrawFn, provider: str) -> Manifest:
    """A manifest of a CRD with one thing dropped, added or replaced by something odd."""
    name = draw(st.sampled_from([one for one in outputs_of(provider) if one != "pausepods"]))
    manifests = draw(OUTPUTS[name](provider))
    assume(manifests)
    # The last is the CapacityBuffer itself and not its PodTemplate, which has no CRD.
    manifest = deepcopy(manifests[-1])
    path = draw(st.sampled_from([one for one in places(manifest) if one[0] == "spec"]))
    place: Any = manifest
    for step in path[:-1]:
        place = place[step]
    match draw(st.sampled_from(["drop", "replace", "add"])):
        case "drop":
            del place[path[-1]]
        case "add" if isinstance(place, dict):
            place["unheard-of"] = draw(ODD)
        case _:
            place[path[-1]] = draw(ODD)
    return manifest


@settings(
    max_examples=300,
    # Shrinking asks the server for minutes; the manifest is in the failure as it is.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(data=st.data())
def test_the_judge_and_the_server_say_the_same_of_spoiled_manifests(
    provider_plane: ControlPlane, provider: str, data: st.DataObject
) -> None:
    manifest = data.draw(spoiled(provider))

    errors = judge(CRD_FOLDER[provider], manifest).errors

    assert is_taken(provider_plane, manifest) is (errors == ()), json.dumps([manifest, errors])
