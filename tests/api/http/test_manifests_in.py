"""Manifests of somebody we do not know: small, plain, and refused with the place where not."""

import time
from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.errors import AdvisorError, ManifestError
from api.errors import UsageError
from api.service.manifests_in import (
    MOST_DEPTH,
    MOST_VALUES,
    documents_in,
    manifests_in,
)

BOMB = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    + [f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 9)}]" for at in range(1, 12)]
)
NODE = {"kind": "Node", "metadata": {"name": "n1"}}


def test_nine_lines_that_stand_for_a_thousand_million_values_are_refused_at_once() -> None:
    before = time.process_time()
    with pytest.raises(ManifestError, match=r"body.pods document 1, line 5: more than"):
        documents_in(BOMB, "body.pods")
    assert time.process_time() - before < 0.5


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: &a\n  b: *a\n", "line 2: the alias \\*a is within what it names"),
        ("a: *b\n", "the alias \\*b is within what it names, or names nothing|undefined alias"),
        ("a: [\n", "no YAML"),
        ("--- a\n---\nb: !!python/object/apply:os.system [ls]\n", "document 2, line 3: the tag"),
        ("a: !!binary aGVsbG8=\n", "the tag tag:yaml.org,2002:binary"),
        ("a: !mine 1\n", "the tag !mine"),
        ("[" * (MOST_DEPTH + 2), "levels"),
        ("1: a\n", "the key 1 is no text"),
        ("? [a]\n: b\n", "no YAML|key"),
        (f"a: {'9' * 5000}\n", "no YAML|64 bits"),
        (f"a: 0x{'f' * 30}\n", "64 bits"),
        ("a: .inf\n", "inf is no number"),
        ("a: .nan\n", "nan is no number"),
        ('a: "\\ud800"\n', "no YAML|half a character"),
        ("a: \x00\n", "no YAML"),
    ],
)
def test_what_no_manifest_has_is_refused_with_its_place(text: str, told: str) -> None:
    with pytest.raises(ManifestError, match=told):
        documents_in(text, "body.pods")


def test_an_anchor_that_is_used_a_few_times_is_taken() -> None:
    text = "labels: &l {a: b}\nselector: *l\nother: {<<: *l, c: d}\n"
    (found,) = documents_in(text, "body")
    assert found == {"labels": {"a": "b"}, "selector": {"a": "b"}, "other": {"a": "b", "c": "d"}}


def test_times_stay_text_as_kubernetes_reads_them() -> None:
    (found,) = documents_in("at: 2026-99-99T00:00:00Z\nday: 2026-01-01\n", "body")
    assert found == {"at": "2026-99-99T00:00:00Z", "day": "2026-01-01"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([{"kind": "Node"}], "no manifest"),
        ([{"kind": 1, "metadata": {"name": "a"}}], "no manifest"),
        ([{**NODE, "spec": [1]}], "Node n1: spec holds no fields"),
        ([{**NODE, "status": {"conditions": ["Ready"]}}], "no list of conditions"),
        ([{**NODE, "metadata": {"name": "n1", "labels": {"a": 1}}}], "quote the values"),
        ([{**NODE, "spec": {"a": "\ud800"}}], "half a character"),
        ([{**NODE, "spec": {"a": 2**64}}], "64 bits"),
        ([{**NODE, "spec": {"a": list(range(MOST_VALUES))}}], "send fewer"),
        ("just words", "no manifest"),
    ],
)
def test_what_the_api_server_would_not_give_is_no_manifest(given: Any, told: str) -> None:
    with pytest.raises((ManifestError, UsageError), match=told):
        manifests_in(given, "body.nodes")


def test_a_list_is_opened_and_json_reads_as_yaml_does() -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": [NODE, NODE]}
    assert manifests_in(listed, "body") == manifests_in(yaml.safe_dump(listed), "body")
    assert manifests_in([NODE, NODE], "body") == [NODE, NODE]


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_in_a_sentence(text: str) -> None:
    with suppress(AdvisorError):
        assert isinstance(documents_in(text, "body"), list)


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner),
    max_leaves=8,
)


@settings(max_examples=25)
@given(st.lists(st.dictionaries(st.text("abc", min_size=1, max_size=3), PLAIN), max_size=3))
def test_what_is_plain_comes_through_as_it_was(documents: list[dict[str, Any]]) -> None:
    assert documents_in(documents, "body") == documents
    assert documents_in(yaml.safe_dump_all(documents), "body") == documents
