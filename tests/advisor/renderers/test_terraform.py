"""Terraform: the JSON form is what was chosen, and its own language reads back as the same."""

import json
from typing import Any

import hcl2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.errors import ManifestError
from advisor.karpenter.manifests import to_yaml
from advisor.renderers.eks_node_group import NodeGroupSettings
from advisor.renderers.hcl import BLOCKS, to_hcl
from advisor.renderers.terraform import (
    eks_node_group,
    karpenter_manifests,
    literal,
    resource_name,
)
from tests.support.renderers import PROVENANCE, choices, some
from warehouse.records import Offering

names = st.from_regex(r"[a-z]([-a-z0-9.]{0,20}[a-z0-9])?", fullmatch=True)
texts = st.text(
    st.characters(codec="utf-8", exclude_characters="\x85\u2028\u2029")
) | st.sampled_from(
    ["${var.x}", "%{if true}", "a\nb\n", "EOT\nb\n", 'say "x"', "\\", "<<EOT", "a: b\n  c: d\n"]
)
leaves = texts | st.integers(-(2**31), 2**31) | st.booleans()
manifests = st.dictionaries(
    texts.filter(bool),
    st.recursive(
        leaves, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=5
    ),
    max_size=4,
)


def plain(value: Any) -> Any:
    """What python-hcl2 reads, as the JSON syntax writes it: strings without their quotes."""
    if isinstance(value, dict):
        return {plain(key): plain(one) for key, one in value.items() if key != "__is_block__"}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, str) and value.startswith('"<<EOT\n'):
        return value.removeprefix('"<<EOT\n').removesuffix('EOT"')
    return json.loads(value) if isinstance(value, str) and value.startswith('"') else value


def read(text: str) -> dict[str, Any]:
    return {word: plain(body) for word, body in hcl2.loads(text).items() if word != "__comments__"}


def as_read(document: dict[str, Any]) -> dict[str, Any]:
    """The JSON syntax as a reader of Terraform's language gives it: blocks are lists."""

    def body(one: dict[str, Any]) -> dict[str, Any]:
        made = {}
        for key, value in one.items():
            if key in BLOCKS:
                made[key] = [body(part) for part in (value if isinstance(value, list) else [value])]
            else:
                made[key] = value
        return made

    read_as: dict[str, Any] = {}
    if "variable" in document:
        read_as["variable"] = [
            {name: {**one, "type": bare(one["type"])}} for name, one in document["variable"].items()
        ]
    read_as["resource"] = []
    for kind, resources in document["resource"].items():
        for name, one in resources.items():
            made = body(one)
            for block in made.get("lifecycle", ()):
                block["ignore_changes"] = [f"${{{what}}}" for what in block["ignore_changes"]]
            read_as["resource"].append({kind: {name: made}})
    return read_as


def bare(kind: str) -> str:
    return f"${{{kind}}}" if "(" in kind else kind


@settings(max_examples=40)
@given(choices("aws"))
def test_a_node_group_reads_back_as_its_json(offerings: list[Offering]) -> None:
    document = eks_node_group(offerings, NodeGroupSettings("gpu-spot", 8), PROVENANCE).document

    assert read(to_hcl(document)) == as_read(document)


@settings(max_examples=60)
@given(manifests)
def test_any_manifest_reads_back_as_its_json(body: dict[str, Any]) -> None:
    manifest = {"kind": "Thing", "metadata": {"name": "a"}, "spec": body}
    document = karpenter_manifests([manifest], PROVENANCE).document

    assert read(to_hcl(document)) == as_read(document)


def test_a_text_that_looks_like_a_template_stays_a_text() -> None:
    assert literal({"a": ["${b}", "%{c}", 1, True, None]}) == {
        "a": ["$${b}", "%%{c}", 1, True, None]
    }


def test_yaml_in_a_string_is_written_as_lines_and_stays_the_same() -> None:
    manifest = {"kind": "NodePool", "metadata": {"name": "gpu"}, "spec": {"weight": 10}}
    document = karpenter_manifests([manifest], PROVENANCE, "kubectl_manifest").document

    text = to_hcl(document)

    assert f"<<EOT\n{to_yaml([manifest])}EOT" in text
    assert read(text) == as_read(document)


def test_stale_data_and_unknown_risk_are_said_at_the_head() -> None:
    text = to_hcl(
        eks_node_group(some("aws", "g5.xlarge"), NodeGroupSettings("a", 1), PROVENANCE).document
    )

    assert text.splitlines()[1] == "# The risk of 1 of 4 pools is unknown; unknown is not safe."


def test_two_manifests_of_one_name_are_refused() -> None:
    one = {"kind": "NodePool", "metadata": {"name": "a.b"}}
    other = {"kind": "NodePool", "metadata": {"name": "a-b"}}

    with pytest.raises(ManifestError, match="nodepool_a_b: two manifests of one name"):
        karpenter_manifests([one, other], PROVENANCE)


@given(names)
def test_a_name_of_a_resource_is_one_that_terraform_takes(name: str) -> None:
    assert resource_name(name).isidentifier()
    assert resource_name("7b") == "r_7b"


def test_a_value_without_a_place_in_the_language_is_an_error() -> None:
    with pytest.raises(TypeError, match="object has no place"):
        to_hcl({"resource": {"a": {"b": {"c": object()}}}})
    assert "c = null" in to_hcl({"resource": {"a": {"b": {"c": None, "d": {}, "e": []}}}})
