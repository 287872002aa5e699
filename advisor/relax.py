"""Why nothing fits, and what would have to be given up: for a demand that no offering meets.

Constraints are taken away one by one, then in pairs. What then fits says how much to give: not
only that 96 GiB per GPU is too much, but that 80 GiB is to be had.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from itertools import combinations
from typing import Any

from advisor.demand import Demand, is_model
from advisor.gpus import MODELS
from advisor.policy import Policy
from advisor.universe import Universe
from warehouse.records import Offering

NAMED = 6
"""Names in a sentence; more are counted."""

ALTERNATIVES = 3
"""Other constraints, and other names, that are offered beside the best."""

Offerings = Sequence[Offering]


@dataclass(frozen=True, slots=True)
class Constraint:
    """A field of a demand or a policy that can leave an offering out.

    ``words`` says what it asks; ``nearest`` what the offerings that meet all else have of it.
    """

    words: Callable[[Any], str]
    nearest: Callable[[Offerings], str | None]


def why_nothing(universe: Universe, demand: Demand, policy: Policy) -> str:
    """What excludes everything, and what would relax it; for a demand that nothing fits."""
    if not len(universe):
        return "There is no offering to choose from."
    none = f"None of the {len(universe):,} offerings fits"
    if unknown := _unknown_model(universe, demand):
        return f"{none}: {unknown}."
    found = remedies(universe, demand, policy)
    if not found:
        every = ", ".join(_words(name, demand, policy) for name in constrained(demand, policy))
        return f"{none}: no two of these can be given up alone: {every}."
    names, fitting = found[0]
    wishes = " and ".join(f"'{_words(name, demand, policy)}'" for name in names)
    verb, them = ("exclude", "them") if len(names) > 1 else ("excludes", "it")
    text = f"{none}: {wishes} {verb} all that is left, and {len(fitting):,} fit without {them}"
    nearest = [words for name in names if (words := CONSTRAINTS[name].nearest(fitting))]
    text = "; ".join([text, *nearest])
    others = [
        f"'{' and '.join(_words(name, demand, policy) for name in several)}' ({len(left):,})"
        for several, left in found[1 : 1 + ALTERNATIVES]
    ]
    return f"{text}. Or give up {' or '.join(others)}." if others else f"{text}."


def remedies(
    universe: Universe, demand: Demand, policy: Policy
) -> list[tuple[tuple[str, ...], list[Offering]]]:
    """Fields without which something fits, with what fits then; the most offerings first.

    Single fields; pairs where no single one does.
    """
    names = constrained(demand, policy)
    for size in (1, 2):
        found = []
        for several in combinations(names, size):
            rows, _ = universe.fitting(*_without(several, demand, policy))
            if len(rows):
                found.append((several, [universe.offerings[row] for row in rows]))
        if found:
            return sorted(found, key=lambda one: (-len(one[1]), one[0]))
    return []


def constrained(demand: Demand, policy: Policy) -> list[str]:
    """The fields that are set and may leave an offering out."""
    given = _set_of(demand, Demand()) | _set_of(policy, Policy())
    # A maker is asked for wherever a GPU is, unless said otherwise.
    if demand.wants_gpu and demand.gpu_manufacturer is not None:
        given.add("gpu_manufacturer")
    return [name for name in CONSTRAINTS if name in given]


def _set_of(given: Demand | Policy, unset: Demand | Policy) -> set[str]:
    names = {one.name for one in fields(given)} & CONSTRAINTS.keys()
    return {name for name in names if getattr(given, name) != getattr(unset, name)}


def _without(names: Sequence[str], demand: Demand, policy: Policy) -> tuple[Demand, Policy]:
    unset = {one.name: one.default for kind in (Demand, Policy) for one in fields(kind)}
    unset["gpu_manufacturer"] = None
    of_demand: dict[str, Any] = {name: unset[name] for name in names if hasattr(demand, name)}
    of_policy: dict[str, Any] = {name: unset[name] for name in names if hasattr(policy, name)}
    return replace(demand, **of_demand), replace(policy, **of_policy)


def _words(name: str, demand: Demand, policy: Policy) -> str:
    value = getattr(demand if hasattr(demand, name) else policy, name)
    return CONSTRAINTS[name].words(value)


def _unknown_model(universe: Universe, demand: Demand) -> str | None:
    """A GPU model that no offering has: whether anybody knows it, and what it is like."""
    wanted = demand.gpu_model
    names = {one.instance_type.gpu_name or "" for one in universe.offerings} - {""}
    if wanted is None or any(is_model(name, wanted) for name in names):
        return None
    if any(is_model(one.name, wanted) for one in MODELS):
        return f"GPU model {wanted} is known, but no machine in this market has it"
    known = {name.lower(): name for name in (*names, *(one.name for one in MODELS))}
    like = get_close_matches(wanted.lower(), sorted(known), n=ALTERNATIVES, cutoff=0.4)
    similar = f"; similar: {', '.join(known[one] for one in like)}" if like else ""
    return f"GPU model {wanted!r} is not known{similar}"


def _at_most(number: Callable[[Offering], float | None], unit: str) -> Callable[..., str | None]:
    def words(fitting: Offerings) -> str | None:
        known = [value for one in fitting if (value := number(one)) is not None]
        return f"the most that they have is {max(known):g} {unit}" if known else None

    return words


def _cheapest(fitting: Offerings) -> str | None:
    known = [one.usd_per_hour for one in fitting if one.usd_per_hour is not None]
    return f"the cheapest of them is {min(known):.4f} USD an hour" if known else None


def _has(read: Callable[[Offering], object]) -> Callable[[Offerings], str | None]:
    def words(fitting: Offerings) -> str | None:
        names = sorted({str(read(one)) for one in fitting if read(one) is not None})
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        return f"they have {', '.join(names[:NAMED])}{more}" if names else None

    return words


def _gpus(fitting: Offerings) -> str:
    counts = sorted({one.instance_type.gpu_count for one in fitting})
    return f"they have {', '.join(map(str, counts))} GPU"


def _total_gpu_memory(one: Offering) -> float | None:
    each = one.instance_type.gpu_memory_gib
    return None if each is None else each * one.instance_type.gpu_count


_TYPE = _has(lambda one: one.pool.instance_type)
_MODEL = _has(lambda one: one.instance_type.gpu_name)

CONSTRAINTS = {
    "gpus": Constraint(lambda count: f"exactly {count} GPU", _gpus),
    "gpu_model": Constraint(lambda name: f"GPU model {name}", _MODEL),
    "gpu_manufacturer": Constraint(lambda name: f"a GPU of {name}", _MODEL),
    "gpu_memory_min_gib": Constraint(
        lambda gib: f"at least {gib:g} GiB per GPU",
        _at_most(lambda one: one.instance_type.gpu_memory_gib, "GiB per GPU"),
    ),
    "gpu_memory_total_min_gib": Constraint(
        lambda gib: f"at least {gib:g} GiB of GPU memory in all",
        _at_most(_total_gpu_memory, "GiB in all"),
    ),
    "precision": Constraint(lambda name: f"{name} in the GPU's hardware", _MODEL),
    "nvlink": Constraint(lambda _: "NVLink between the GPUs", _MODEL),
    "vcpus_min": Constraint(
        lambda count: f"at least {count:g} vCPU",
        _at_most(lambda one: one.instance_type.vcpu, "vCPU"),
    ),
    "memory_min_gib": Constraint(
        lambda gib: f"at least {gib:g} GiB of memory",
        _at_most(lambda one: one.instance_type.memory_gib, "GiB of memory"),
    ),
    "architecture": Constraint(
        lambda name: f"architecture {name}", _has(lambda one: one.instance_type.architecture)
    ),
    "providers": Constraint(
        lambda names: f"cloud {' or '.join(names)}", _has(lambda one: one.pool.provider)
    ),
    "regions": Constraint(
        lambda names: f"region {' or '.join(names)}", _has(lambda one: one.pool.region)
    ),
    "zones": Constraint(
        lambda names: f"zone {' or '.join(names)}", _has(lambda one: one.pool.zone)
    ),
    "types": Constraint(lambda names: f"type {' or '.join(names)}", _TYPE),
    "types_not": Constraint(lambda names: f"a type other than {' or '.join(names)}", _TYPE),
    "max_usd_per_hour": Constraint(lambda usd: f"at most {usd:g} USD an hour", _cheapest),
}
"""What may leave an offering out, by field of `Demand` or `Policy`."""
