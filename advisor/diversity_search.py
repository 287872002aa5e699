"""The search behind `diversity`: the cheapest placement that keeps all limits, and how sure it is.

P(at least k lost at once) never falls when a machine is added, so a half-made placement that
breaks the bound is given up. Placements are taken up in order of the least that they can come to;
the first whole one that keeps the bound is the best. A first good one comes from filling the
cheapest offerings under a grid of tighter caps. Working out a joint risk takes milliseconds, so
the number of them is limited, and their time if the caller says so; where a limit is met, the gap
to the least possible cost is told.
"""

import heapq
import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence

from advisor.diversity_problem import Counts, Option, Problem, Solution

MOST_OPTIONS = 64
"""Spot offerings looked at: the cheapest half of them, then the cheapest and the safest of every
family and zone in turn."""

MOST_RISKS = 800
"""Joint risks worked out at most in one search: some seconds."""

MOST_NODES = 100_000
"""Half-made placements taken up at most; without a bound they cost microseconds each."""

GRID = (1, 2, 3, 4, 6, 8, 12, 16)
"""Tighter caps that the first placements are made under, beside those that are asked for."""

TIE = 1e-9
"""USD an hour below which two costs are the same."""


def best(problem: Problem) -> Solution | None:
    """The cheapest placement found, with its gap; None if none keeps the bound."""
    options = chosen(problem)
    first = _first(problem, options)
    return _branch(problem, options, first)


def safest(problem: Problem) -> Solution | None:
    """The placement with the least joint risk of those that a grid of caps gives."""
    made = list(itertools.islice(_filled(problem, chosen(problem)), MOST_RISKS // 4))
    if not made:
        return None
    counts = min(made, key=lambda one: (problem.risk(one), _cost(one)))
    return Solution(counts, _cost(counts), 0.0)


def chosen(problem: Problem) -> list[Option]:
    """The offerings that are looked at, cheapest first; see `MOST_OPTIONS`."""
    spots = sorted((one for one in problem.options if one.is_spot), key=Option.order)
    others = sorted((one for one in problem.options if not one.is_spot), key=Option.order)
    kept = dict.fromkeys(spots[: MOST_OPTIONS // 2])
    groups = dict[object, list[Option]]()
    for one in spots:
        groups.setdefault((one.zone, one.family), []).append(one)
    ends = [
        (own[0], min(own, key=lambda one: (one.danger_per_hour, one.order())))
        for own in groups.values()
    ]
    for one in itertools.chain.from_iterable(ends):
        if len(kept) < MOST_OPTIONS:
            kept[one] = None
    if problem.types_min > 1:
        first = dict[str, Option]()
        for one in spots:
            first.setdefault(one.offering.pool.instance_type, one)
        kept |= dict.fromkeys(list(first.values())[: problem.types_min])
    by_type = dict[str, Option]()
    for one in others:
        by_type.setdefault(one.offering.pool.instance_type, one)
    listed = list(by_type.values())[: problem.types_min] if problem.on_demand_max else []
    return sorted([*kept, *listed], key=Option.order)


def _cost(counts: Counts) -> float:
    return math.fsum(count * one.usd_per_hour for one, count in counts.items())


def _first(problem: Problem, options: Sequence[Option]) -> Counts | None:
    """The cheapest of the filled placements that keeps the bound."""
    made = sorted(_filled(problem, options), key=_cost)
    for counts in made[: MOST_RISKS // 2]:
        if problem.is_time_up():
            break
        if problem.bound >= 1 or problem.risk(counts) <= problem.bound:
            return counts
    return None


def _filled(problem: Problem, options: Sequence[Option]) -> Iterator[dict[Option, int]]:
    """Whole placements, each filled in order of cost, under tighter and tighter caps."""
    seen = set[frozenset[tuple[Option, int]]]()
    dangers = sorted({one.danger_per_hour for one in options if one.is_spot})
    limits = [*dangers[:: max(1, len(dangers) // 5)], *dangers[-1:]]
    sizes = [size for size in GRID if size < problem.count] + [problem.count]
    orders = [options, sorted(options, key=lambda one: (one.danger_per_hour, one.order()))]
    for order, danger, pool, kind, zone in itertools.product(
        orders, limits or [math.inf], sizes, sizes, sizes
    ):
        if problem.is_time_up():
            return
        if pool > min(kind, zone):
            continue
        usable = [one for one in order if not one.is_spot or one.danger_per_hour <= danger]
        counts = _fill(problem, usable, pool, kind, zone)
        key = frozenset(counts.items())
        if key not in seen and problem.is_whole(counts):
            seen.add(key)
            yield counts


def _fill(
    problem: Problem, options: Sequence[Option], pool: int, kind: int, zone: int
) -> dict[Option, int]:
    """Machines on the options in order, so many at most per pool, type in a region and zone."""
    counts, kinds, families = dict[Option, int](), Counter[object](), Counter[object]()
    zones = Counter[object]()
    left = problem.count
    listed = [one for one in options if not one.is_spot]
    if problem.on_demand_min and listed:
        counts[listed[0]] = problem.on_demand_min
        left -= problem.on_demand_min
    extra = problem.on_demand_max - problem.on_demand_min
    for one in options:
        if left <= 0:
            break
        missing = problem.types_min - len(problem.types(counts) | {one.offering.pool.instance_type})
        room = left - max(0, missing)
        of_type = (*one.family, one.offering.pool.instance_type)
        if one.is_spot:
            take = min(
                *(room, pool, problem.pool_most, kind - kinds[of_type]),
                *(min(zone, problem.zone_most) - zones[one.zone],),
                problem.family_most - families[one.family],
            )
        else:
            take = min(room, extra)
        if take > 0:
            counts[one] = counts.get(one, 0) + take
            left -= take
            if one.is_spot:
                kinds[of_type] += take
                families[one.family] += take
                zones[one.zone] += take
            else:
                extra -= take
    return counts


def _branch(problem: Problem, options: Sequence[Option], first: Counts | None) -> Solution | None:
    """Placements in order of the least they can come to, until one is whole and keeps the bound."""
    most = [_most(problem, one) for one in options]
    incumbent = first
    top = math.inf if first is None else _cost(first)
    started, taken = len(problem.known), 0
    order = itertools.count()
    root = _least(problem, options, most, 0, {})
    heap: list[tuple[float, int, int, dict[Option, int]]] = [(root, 0, next(order), {})]
    while heap:
        least, depth, _, counts = heapq.heappop(heap)
        if least >= top - TIE:
            break
        is_enough = len(problem.known) - started > MOST_RISKS or taken > MOST_NODES
        if is_enough or problem.is_time_up():
            return None if incumbent is None else Solution(incumbent, top, max(0.0, top - least))
        taken += 1
        if _is_over(problem, counts):
            continue
        if sum(counts.values()) == problem.count:
            if problem.is_whole(counts):
                return Solution(counts, _cost(counts), 0.0)
            continue
        for reach, grown in _grown(problem, options, most, -depth, counts):
            if reach < top - TIE:
                heapq.heappush(heap, (reach, depth - 1, next(order), grown))
    return None if incumbent is None else Solution(incumbent, top, 0.0)


def _grown(
    problem: Problem, options: Sequence[Option], most: Sequence[int], place: int, counts: Counts
) -> Iterator[tuple[float, dict[Option, int]]]:
    """The placement with each number of the next option, and the least it can come to."""
    if place == len(options):
        return
    for number in range(most[place], -1, -1):
        grown = {**counts, options[place]: number} if number else dict(counts)
        if _may_become_whole(problem, grown):
            yield _least(problem, options, most, place + 1, grown), grown


def _is_over(problem: Problem, counts: Counts) -> bool:
    """Whether the machines placed so far already break the bound."""
    if problem.bound >= 1 or sum(count for one, count in counts.items() if one.is_spot) < (
        problem.lose
    ):
        return False
    return problem.risk(counts) > problem.bound


def _most(problem: Problem, option: Option) -> int:
    """How many machines of one option there may be, by its caps and by the bound alone."""
    if not option.is_spot:
        return problem.on_demand_max
    most = min(problem.pool_most, problem.family_most, problem.zone_most, problem.count)
    while most >= problem.lose and not problem.is_time_up() and _is_over(problem, {option: most}):
        most -= 1
    return most


def _may_become_whole(problem: Problem, counts: Counts) -> bool:
    left = problem.count - sum(counts.values())
    on_demand = problem.on_demand(counts)
    return (
        left >= max(0, problem.on_demand_min - on_demand)
        and on_demand <= problem.on_demand_max
        and left >= problem.types_min - len(problem.types(counts))
        and problem.is_within_caps(counts)
    )


def _least(
    problem: Problem, options: Sequence[Option], most: Sequence[int], place: int, counts: Counts
) -> float:
    """The least a placement can come to when the options from ``place`` on may still be added."""
    forced = max(0, problem.on_demand_min - problem.on_demand(counts))
    left = problem.count - sum(counts.values()) - forced
    total = _cost(counts)
    listed = [one.usd_per_hour for one in options[place:] if not one.is_spot]
    if forced:
        # Whatever else is chosen, so many come from what is listed on demand.
        total += forced * min(listed, default=math.inf)
    for one, room in zip(options[place:], most[place:], strict=True):
        if left <= 0:
            return total
        take = min(left, room)
        total += take * one.usd_per_hour
        left -= take
    return total if left <= 0 else math.inf
