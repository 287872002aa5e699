"""What the commands of ``spotcast render`` share: the choice, how it is written, what is said."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import typer

from advisor.karpenter.manifests import to_yaml
from advisor.offerings import on_demand
from advisor.renderers.choice import Provenance
from api.answers import ask
from api.choices import TYPES, Choice, choose, end_if_stale, explain
from api.errors import UsageError
from api.options import Workload
from api.output import Manifest, note
from api.settings import Settings
from warehouse.records import Offering

Output = Annotated[Manifest, typer.Option("--output", "-o", help="How to write it.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOptions(Workload):
    """The options by which offerings are chosen for an output."""

    types_max: Annotated[
        int, typer.Option("--types-max", min=1, help="Instance types to allow, best first.")
    ] = TYPES

    def choice(self, settings: Settings) -> Choice:
        """The best offerings, wherever they are; of amd64 unless something else was asked for.

        Raises:
            NoAnswerError: nothing is left of the market.
        """
        demand = self.demand()
        demand = replace(demand, architecture=demand.architecture or "amd64")
        return choose(ask(settings, self, demand), self.types_max, self.policy.zones)

    def choice_in(self, settings: Settings, provider: str) -> Choice:
        """The best offerings of one region of the cloud that the output is for.

        Raises:
            UsageError: another cloud was asked for, or not one region.
            NoAnswerError: nothing is left of the market.
        """
        policy = self.policy
        if policy.providers not in {(), (provider,)}:
            raise UsageError(f"this output is for {provider}, not {', '.join(policy.providers)}")
        if len(policy.regions) != 1:
            raise UsageError("give one --region: this output serves one region")
        return replace(self, provider=provider).choice(settings)


def provenance_of(choice: Choice) -> Provenance:
    """Where the choice comes from."""
    return Provenance(
        data_as_of=choice.data_as_of,
        risk_basis=choice.answer.risk_basis,
        is_stale=choice.is_stale,
        pools=len(choice.ranked),
        unknown_risk_pools=len(choice.unknown_risk),
    )


def listed(offerings: Sequence[Offering]) -> list[Offering]:
    """The same machines on demand, cheapest first; says how many have no known list price."""
    twins = [twin for one in offerings if (twin := on_demand(one))]
    if len(twins) < len(offerings):
        note(
            f"{len(offerings) - len(twins)} of {len(offerings)} pools have no known price on "
            f"demand and are left out there."
        )
    return sorted(twins, key=lambda one: one.price_per_hour)


def pairs(texts: Iterable[str] | None, option: str) -> dict[str, str]:
    """``["a=b"]`` as a mapping; {} of nothing.

    Raises:
        UsageError: one is not written so, or a name is given twice.
    """
    found: dict[str, str] = {}
    for text in texts or ():
        name, is_given, value = text.partition("=")
        if not (name and is_given) or name in found:
            raise UsageError(f"{option} {text}: write NAME=VALUE, each name once")
        found[name] = value
    return found


def write_document(
    document: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    form: Manifest,
    comments: Sequence[str] = (),
) -> None:
    """To standard output: one document, or several (YAML documents, a JSON list).

    Comments stand at the head of YAML; JSON has none, so they are said on standard error.
    """
    if form is Manifest.JSON:
        for comment in comments:
            note(comment)
        sys.stdout.write(f"{json.dumps(document, indent=2)}\n")
        return
    sys.stdout.write("".join(f"# {comment}\n" for comment in comments))
    sys.stdout.write(to_yaml([document] if isinstance(document, Mapping) else document))


def conclude(choice: Choice, notes: Iterable[str]) -> None:
    """Say what the output cannot, and end with the code for stale data if it rests on any.

    Raises:
        Exit: with `EXIT_STALE`.
    """
    explain(choice)
    for text in dict.fromkeys(notes):
        note(text)
    end_if_stale(choice)
