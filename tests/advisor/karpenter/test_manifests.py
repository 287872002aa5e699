"""YAML of manifests: every string stays a string, by YAML 1.1 and by YAML 1.2."""

import re
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from advisor.karpenter.manifests import to_yaml

NASTY = [
    *("+.5", "1e-3", "+1e-5", "0.43", "1.048576e+06", "12:30", "1_000", "0x1F", "0o17", "017"),
    *("on", "Off", "y", "N", "yes", "TRUE", "null", "~", "None", "nan", ".inf", "-.INF", "=", "<<"),
    *("", " ", "a ", " a", "- a", "a: b", "a #b", "#", "&a", "*a", "!a", "%", "@", "`", "|", ">"),
    *(
        "{a}",
        "[a]",
        "a,b",
        "'",
        '"',
        "\\",
        "\n",
        "a\nb",
        "\t",
        "\x07",
        "\u2028",
        "\ufeff",
        "ä",
        "😀",
    ),
    *("2026-11-01", "2026-11-01T00:00:00Z", "720h", "10%", "5", "---", "...", "?", "? a"),
]

CORE_12 = re.compile(
    r"~|null|Null|NULL|true|True|TRUE|false|False|FALSE|"
    r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+|"
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|"
    r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)|"
)
"""What YAML 1.2's core schema (section 10.3.2) resolves to another type if it is not quoted."""

strings = st.sampled_from(NASTY) | st.text() | st.from_regex(r"[-+0-9._eExob:]{1,9}")
leaves = strings | st.integers() | st.booleans() | st.none()
values = st.recursive(
    leaves, lambda inner: st.lists(inner) | st.dictionaries(strings, inner), max_leaves=6
)


def strings_in(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for item in pair for text in strings_in(item)]
    if isinstance(value, list):
        return [text for item in value for text in strings_in(item)]
    return [value] if isinstance(value, str) else []


def strings_by_yaml_12(text: str) -> list[str]:
    scalars = [event for event in yaml.parse(text) if isinstance(event, yaml.ScalarEvent)]
    return [
        scalar.value
        for scalar in scalars
        if scalar.style is not None or not CORE_12.fullmatch(scalar.value)
    ]


@settings(max_examples=120, deadline=None)
@given(st.dictionaries(strings, values, min_size=1))
@example({text: text for text in NASTY})
def test_what_is_written_is_read_again_with_its_types(manifest: dict[str, Any]) -> None:
    text = to_yaml([manifest])

    assert yaml.safe_load(text) == manifest
    assert sorted(strings_by_yaml_12(text)) == sorted(strings_in(manifest))


@pytest.mark.parametrize("value", NASTY)
def test_a_string_that_could_be_something_else_is_quoted(value: str) -> None:
    text = to_yaml([{"price": value}])

    assert re.fullmatch(r'price: ".*"\n', text)


@pytest.mark.parametrize("value", ["spot", "e1", "g5.xlarge", "karpenter.sh/v1", "cn-hangzhou-i"])
def test_plain_words_are_left_bare(value: str) -> None:
    assert to_yaml([{"name": value}]) == f"name: {value}\n"


def test_keys_stand_in_kubectls_order_and_documents_apart() -> None:
    first = {"spec": {"b": 1, "a": True}, "status": {}, "kind": "A", "apiVersion": "v1"}
    second = {"metadata": {"name": "b"}, "kind": "B"}

    assert to_yaml([first, second]) == (
        "apiVersion: v1\nkind: A\nspec:\n  b: 1\n  a: true\nstatus: {}\n"
        "---\nkind: B\nmetadata:\n  name: b\n"
    )


def test_what_occurs_twice_is_written_twice() -> None:
    shared = ["a"]

    assert to_yaml([{"one": shared, "two": shared}]) == "one:\n- a\ntwo:\n- a\n"


def test_no_manifest_is_no_text() -> None:
    assert to_yaml([]) == ""
