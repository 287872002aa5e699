"""Rectangles of types and zones say exactly what was chosen, and say it once."""

from collections import Counter
from functools import cache
from itertools import chain, combinations, product

from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.karpenter.rectangles import Rectangle, rectangles

cells = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("123456")), max_size=36)


@given(cells)
def test_each_cell_is_in_one_rectangle_and_nothing_else_is(chosen: list[tuple[str, str]]) -> None:
    held = Counter(
        (instance_type, zone)
        for block in rectangles(chosen)
        for instance_type in block.types
        for zone in block.zones
    )

    assert held == Counter(set(chosen))


@given(cells)
def test_there_are_never_more_rectangles_than_types_or_than_zones(
    chosen: list[tuple[str, str]],
) -> None:
    types, zones = {one for one, _ in chosen}, {zone for _, zone in chosen}

    assert len(rectangles(chosen)) <= min(len(types), len(zones))


@given(st.permutations(list("abcd")), st.sets(st.sampled_from("123"), min_size=1))
def test_a_whole_rectangle_is_one_and_keeps_the_order_of_types(
    types: list[str], zones: set[str]
) -> None:
    found = rectangles([(one, zone) for one in types for zone in zones])

    assert found == [Rectangle(tuple(types), tuple(sorted(zones)))]


def test_zones_with_the_same_types_go_together() -> None:
    chosen = [("a", "1"), ("a", "2"), ("b", "1"), ("b", "2"), ("a", "3"), ("c", "3")]

    assert rectangles(chosen) == [
        Rectangle(("a", "b"), ("1", "2")),
        Rectangle(("a", "c"), ("3",)),
    ]


def test_types_with_the_same_zones_go_together_where_that_takes_fewer() -> None:
    chosen = [("a", "1"), ("a", "2"), ("a", "3"), ("b", "1"), ("c", "1"), ("d", "2"), ("d", "3")]
    chosen = [*chosen, ("e", "1"), ("e", "2"), ("e", "3")]

    assert len(rectangles(chosen)) == 2


def some(items: str) -> list[tuple[str, ...]]:
    return list(chain.from_iterable(combinations(items, n) for n in range(1, len(items) + 1)))


def least(chosen: frozenset[tuple[str, str]]) -> int:
    """The fewest rectangles that part the choice, by trying every way."""
    blocks = [frozenset(product(types, zones)) for types in some("abc") for zones in some("123")]

    @cache
    def rest(left: frozenset[tuple[str, str]]) -> int:
        if not left:
            return 0
        first = min(left)
        return 1 + min(rest(left - one) for one in blocks if first in one and one <= left)

    return rest(chosen)


@settings(max_examples=60, deadline=None)
@given(st.sets(st.tuples(st.sampled_from("abc"), st.sampled_from("123"))))
def test_no_way_of_parting_a_small_choice_takes_fewer(chosen: set[tuple[str, str]]) -> None:
    assert len(rectangles(sorted(chosen))) == least(frozenset(chosen))
