"""What the commands of ``spotcast render`` share: the choice, how it is written, what is said."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import typer

from advisor.karpenter.manifests import to_yaml
from api.answers import known_market
from api.choices import TYPES, Choice, choice_of, end_if_stale, notes_of, policy_in, tell
from api.errors import UsageError
from api.options import Workload
from api.output import Manifest, note
from api.settings import Settings

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
        known = known_market(settings, self)
        return choice_of(settings, known, self.demand(), self.policy, self.types_max)

    def choice_in(self, settings: Settings, provider: str) -> Choice:
        """The best offerings of one region of the cloud that the output is for.

        Raises:
            UsageError: another cloud was asked for, or not one region.
            NoAnswerError: nothing is left of the market.
        """
        policy_in(self.policy, provider)
        return replace(self, provider=provider).choice(settings)


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
    tell([*notes_of(choice), *dict.fromkeys(notes)])
    end_if_stale(choice)
