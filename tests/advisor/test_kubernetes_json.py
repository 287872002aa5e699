"""What an API server sends, as Python objects: all of it but what nobody reads of a list."""

import gzip
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.cluster import ClusterUnavailableError
from advisor.kubernetes_json import read, unpacked

WORDS = st.text(max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
METADATA = st.fixed_dictionaries(
    {"name": WORDS}, optional={"labels": VALUES, "annotations": VALUES, "managedFields": VALUES}
)
OBJECTS = st.fixed_dictionaries(
    {"metadata": METADATA}, optional={"spec": VALUES, "status": VALUES, "items of it": VALUES}
)


def shown(thing: dict[str, Any]) -> dict[str, Any]:
    """The object as a list shows it."""
    about = {key: word for key, word in thing["metadata"].items() if key != "managedFields"}
    return {**thing, "metadata": about}


@given(st.lists(OBJECTS, max_size=4), VALUES)
def test_a_list_shows_all_but_who_manages_which_field(
    things: list[dict[str, Any]], about: Any
) -> None:
    made = read(json.dumps({"kind": "List", "metadata": about, "items": things}).encode())

    assert made is not None
    assert (made["kind"], made["metadata"], len(made["items"])) == ("List", about, len(things))
    assert list(made["items"]) == list(made["items"]) == [shown(one) for one in things]


@given(OBJECTS)
def test_a_single_object_shows_everything(thing: dict[str, Any]) -> None:
    assert read(json.dumps(thing).encode()) == thing


def test_a_list_of_nothing_is_empty() -> None:
    for items in ("null", "[]"):
        made = read(f'{{"items": {items}}}'.encode())
        assert made is not None
        assert list(made["items"]) == []


@pytest.mark.parametrize("text", ["", "<html>", "[]", "null", '{"items": 5}', '{"items": [{}', "7"])
def test_what_is_no_object_is_none(text: str) -> None:
    assert read(text.encode()) is None


@pytest.mark.parametrize("member", ["5", '{"metadata": 5}', '{"spec": "\xff"}'])
def test_a_member_that_is_no_object_asks_to_try_later(member: str) -> None:
    made = read(b'{"items": [' + member.encode("latin-1") + b"]}")

    assert made is not None
    with pytest.raises(ClusterUnavailableError, match="cannot be read"):
        list(made["items"])


@given(st.binary(max_size=2000).map(lambda given: given * 20))
def test_what_was_packed_is_the_same_again(text: bytes) -> None:
    assert unpacked(gzip.compress(text)) == text
    assert unpacked(zlib.compress(text)) == text


def test_what_was_cut_or_never_packed_is_nothing() -> None:
    packed = gzip.compress(b"x" * 5000)

    assert unpacked(packed[:-9]) == b""
    assert unpacked(b"plain") == b""
    assert unpacked(b"") == b""
