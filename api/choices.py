"""What goes into Karpenter's objects: the best types of one region, and what must be said of them.

Shared by every command that writes one of the objects, so that they are all made of the same
choice when they are asked with the same options.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated

import typer

from advisor import Demand, Policy, Ranked
from advisor.karpenter import labels as words
from advisor.karpenter.requirements import placed
from advisor.karpenter.traps import listed
from api.answers import BASIS_NOTES, Answer, Known, answer_of, known_market, stale_note
from api.errors import EXIT_STALE, UsageError
from api.options import Workload
from api.output import note
from api.settings import Settings
from warehouse.records import Offering

TYPES = 10
"""Instance types in a NodePool unless asked otherwise: enough to fall back on, few enough to
know. AWS asks for flexibility over types; GPU families rarely offer more that are alike."""

SLIGHT_SAVING = 0.01
"""Share below which spot is said to save nothing: a cent in the dollar, for a machine that can be
taken away."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The ranked offerings that were chosen, best first.

    ``zones`` are those that the user asked for: a regional offering stands for these.
    """

    ranked: list[Ranked]
    answer: Answer
    zones: tuple[str, ...] = ()

    @property
    def offerings(self) -> list[Offering]:
        """The offerings, each in its zones."""
        return placed((one.offering for one in self.ranked), self.zones)

    @property
    def unknown_risk(self) -> list[Ranked]:
        """Those whose risk nobody knows."""
        return [one for one in self.ranked if one.hazard is None]

    @property
    def data_as_of(self) -> datetime:
        """When the oldest of their prices was last known to be true."""
        return min(one.offering.price_observed_at for one in self.ranked)

    @property
    def is_stale(self) -> bool:
        """Whether any of them rests on stale data."""
        return any(self.answer.is_stale(one) for one in self.ranked)

    def annotations(self) -> dict[str, str]:
        """Where the choice comes from, for whoever finds the object in the cluster."""
        as_of = self.data_as_of.isoformat(timespec="seconds")
        return {
            "spotcast.io/risk-basis": self.answer.risk_basis,
            words.DATA_AS_OF: as_of.replace("+00:00", "Z"),
            "spotcast.io/stale": str(self.is_stale).lower(),
            "spotcast.io/unknown-risk-pools": str(len(self.unknown_risk)),
        }


def choose(answer: Answer, types: int, zones: tuple[str, ...] = ()) -> Choice:
    """The offerings of the ``types`` best instance types, in all their pools, best first."""
    ranked = list(answer.ranking.ranked)
    names = dict.fromkeys(one.offering.pool.instance_type for one in ranked)
    kept = set(list(names)[:types])
    return Choice([one for one in ranked if one.offering.pool.instance_type in kept], answer, zones)


def choice_of(
    settings: Settings, known: Known, demand: Demand, policy: Policy, types: int = TYPES
) -> Choice:
    """The best offerings, wherever they are; of amd64 unless something else was asked for.

    Raises:
        NoAnswerError: nothing is left of the market.
    """
    demand = replace(demand, architecture=demand.architecture or "amd64")
    return choose(answer_of(settings, known, demand, policy), types, policy.zones)


def cloud_of(policy: Policy) -> str:
    """The one provider of a policy that names one region of it.

    Raises:
        UsageError: it names none, or no single region.
        ManifestError: Karpenter has no such provider.
    """
    if len(policy.providers) != 1 or len(policy.regions) != 1:
        raise UsageError(
            "give one provider and one region of it: Karpenter's objects serve one region"
        )
    words.provider_labels(policy.providers[0])
    return policy.providers[0]


def policy_in(policy: Policy, provider: str) -> Policy:
    """The policy for an output of one cloud, which serves one region.

    Raises:
        UsageError: it asks for another cloud, or not for one region.
    """
    if policy.providers not in {(), (provider,)}:
        raise UsageError(f"this output is for {provider}, not {', '.join(policy.providers)}")
    if len(policy.regions) != 1:
        raise UsageError("give one region: this output serves one")
    return replace(policy, providers=(provider,))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceOptions(Workload):
    """The options by which offerings of one region are chosen for Karpenter."""

    types_max: Annotated[
        int, typer.Option("--types-max", min=1, help="Instance types to allow, best first.")
    ] = TYPES

    @property
    def cloud(self) -> str:
        """The one provider that was asked for.

        Raises:
            UsageError: none, or no single region of it.
        """
        return cloud_of(self.policy)

    def choice(self, settings: Settings) -> Choice:
        """The best offerings of the region; of amd64 unless something else was asked for.

        Raises:
            UsageError: no single provider and region was asked for.
            NoAnswerError: nothing is left of the market.
        """
        cloud_of(self.policy)
        known = known_market(settings, self)
        return choice_of(settings, known, self.demand(), self.policy, self.types_max)


def notes_of(choice: Choice) -> list[str]:
    """What a manifest cannot say: what it rests on, and what is unknown."""
    told = [
        BASIS_NOTES[choice.answer.risk_basis],
        *choice.answer.notes,
        f"Best: {choice.ranked[0].reason()}.",
    ]
    if choice.unknown_risk:
        told.append(
            f"Risk unknown for {len(choice.unknown_risk)} of {len(choice.ranked)} pools in the "
            f"list: nothing is published for them. They stand after all others."
        )
    dear = [
        one
        for one in choice.ranked
        if one.saving_share is not None and one.saving_share < SLIGHT_SAVING
    ]
    if dear:
        told.append(
            f"{len(dear)} of {len(choice.ranked)} pools cost as much as on demand, or more."
        )
    return told


def explain(choice: Choice) -> None:
    """Say the same for people."""
    tell(notes_of(choice))


def tell(notes: Sequence[str]) -> None:
    """Say each sentence for people."""
    for text in notes:
        note(text)


def extras_notes(extras: list[str]) -> list[str]:
    """What the lists allow beyond the choice."""
    if not extras:
        return []
    return [
        f"The lists of types and zones also allow pools that were not ranked: {listed(extras)}."
    ]


def end_if_stale(choice: Choice) -> None:
    """Say so, and end with the code for it, if the choice rests on stale data.

    Raises:
        Exit: with `EXIT_STALE`.
    """
    if choice.is_stale:
        note(stale_note(choice.ranked, choice.answer))
        raise typer.Exit(EXIT_STALE)
