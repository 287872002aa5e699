"""What all outputs ask of a choice of offerings, and where the choice comes from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from advisor.errors import ManifestError
from warehouse.records import REGIONAL, CapacityType, Offering, Pool

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Rendered:
    """The document as its reader takes it, and sentences that it cannot carry."""

    document: dict[str, Any]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a choice comes from: age of its oldest price, basis of its risk, what is not known."""

    data_as_of: datetime
    risk_basis: str
    is_stale: bool
    pools: int
    unknown_risk_pools: int

    def annotations(self) -> dict[str, str]:
        """As keys and texts, for annotations and tags: the keys that a NodePool carries."""
        return {
            "spotcast.io/risk-basis": self.risk_basis,
            "spotcast.io/data-as-of": self._as_of,
            "spotcast.io/stale": str(self.is_stale).lower(),
            "spotcast.io/unknown-risk-pools": str(self.unknown_risk_pools),
        }

    def sentences(self) -> list[str]:
        """The same for people, one sentence a line, for comments."""
        told = [f"Chosen by spotcast from prices as of {self._as_of}; risk: {self.risk_basis}."]
        if self.is_stale:
            told.append("STALE: the data is too old to stand for now.")
        if self.unknown_risk_pools:
            told.append(
                f"The risk of {self.unknown_risk_pools} of {self.pools} pools is unknown; "
                f"unknown is not safe."
            )
        return told

    @property
    def _as_of(self) -> str:
        return self.data_as_of.isoformat(timespec="seconds").replace("+00:00", "Z")


def one_region(output: str, offerings: Sequence[Offering], provider: str | None = None) -> Pool:
    """The place of the choice: the pool of its first offering.

    Raises:
        ManifestError: nothing was chosen, or it lies in several regions, or not in the cloud that
            the output is for.
    """
    places = sorted({(one.pool.provider, one.pool.region) for one in offerings})
    if not places:
        raise ManifestError(output, "no offering was chosen; ask for less or elsewhere")
    if len(places) > 1:
        named = ", ".join(" ".join(place) for place in places)
        raise ManifestError(output, f"serves one region, not {named}; choose one")
    if provider is not None and places[0][0] != provider:
        raise ManifestError(output, f"is for {provider}, and the offerings are of {places[0][0]}")
    return offerings[0].pool


def spot_only(output: str, offerings: Sequence[Offering]) -> None:
    """Accept offerings of spot capacity; how much is on demand is a number in these outputs.

    Raises:
        ManifestError: one is of another capacity type.
    """
    others = sorted({one.capacity_type for one in offerings} - {CapacityType.SPOT})
    if others:
        raise ManifestError(
            output, f"takes spot offerings, not {', '.join(others)}; give a number on demand"
        )


def instance_types(offerings: Iterable[Offering]) -> list[str]:
    """Each instance type once, in order of its best offering."""
    return unique(one.pool.instance_type for one in offerings)


def zones(offerings: Iterable[Offering]) -> list[str]:
    """The zones that are named, sorted; [] if all offerings are regional."""
    return sorted({one.pool.zone for one in offerings} - {REGIONAL})


def unique(items: Iterable[_T]) -> list[_T]:
    """Each item once, where it first came."""
    return list(dict.fromkeys(items))


def at_most(items: Sequence[_T], most: int, what: str) -> tuple[list[_T], list[str]]:
    """The first ``most`` items, and a sentence if any were left out."""
    left_out = len(items) - most
    if left_out <= 0:
        return list(items), []
    verb = "was" if left_out == 1 else "were"
    return list(items[:most]), [f"{what}: the last {left_out} of {len(items)} {verb} left out."]


def gpu_weight(output: str, offering: Offering) -> int:
    """The GPUs of one machine, as its weight.

    Raises:
        ManifestError: it has none to count, or only a part of one.
    """
    gpus = offering.instance_type.gpu_count
    if gpus < 1:
        name = offering.pool.instance_type
        raise ManifestError(output, f"{name} has no whole GPU to be weighed by; count machines")
    return gpus
