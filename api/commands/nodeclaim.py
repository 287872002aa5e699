"""``spotcast nodeclaim``: one machine of one exact pool, asked of Karpenter by hand."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from advisor.karpenter.nodeclaim import claim_name, node_claim, not_allowed
from advisor.karpenter.traps import traps
from api.choices import Choice, ChoiceOptions, end_if_stale, explain
from api.commands.buffer import Requests, requests_of
from api.errors import NoAnswerError, UsageError
from api.manifest_files import read_manifests, write_manifests
from api.options import with_fields
from api.output import Manifest, note
from warehouse.records import REGIONAL, Offering

HAZARD_NOTE = (
    "Create one at a time. Until Karpenter has launched it, nothing else in the cluster is "
    "provisioned or disrupted: delete it if its condition Launched is not True after a minute."
)
RELEASE_NOTE = (
    "It is kept from disruption by karpenter.sh/do-not-disrupt: take that off the Node, not the "
    "NodeClaim, once its pods run."
)


@with_fields(ChoiceOptions)
def nodeclaim_command(
    options: ChoiceOptions,
    context: typer.Context,
    nodepool: Annotated[
        Path,
        typer.Option(
            "--nodepool",
            help="The NodePool it belongs to (kubectl get nodepool NAME -o yaml); - for standard "
            "input.",
        ),
    ],
    name: Annotated[
        str | None, typer.Option(help="Name of the NodeClaim; else made of the pool and the time.")
    ] = None,
    request: Requests = None,
    output: Annotated[
        Manifest, typer.Option("--output", "-o", help="How to write the manifest.")
    ] = Manifest.YAML,
) -> None:
    """Write a NodeClaim for the best pool that a NodePool allows; --type and --zone pin it.

    Write it to a file and create it once: each name buys a machine.
    """
    owner = _nodepool(nodepool)
    choice = options.choice(context.obj)
    offering = _best_allowed(owner, choice)
    claim = node_claim(
        owner,
        offering,
        name=name or claim_name(owner["metadata"]["name"], offering.pool, choice.answer.now),
        requests=requests_of(request),
        annotations=choice.annotations(),
    )
    write_manifests([claim], output)
    explain(choice)
    _explain_claim(owner, offering)
    end_if_stale(choice)


def _nodepool(path: Path) -> dict[str, Any]:
    found = [one for one in read_manifests(path) if one["kind"] == "NodePool"]
    if len(found) != 1:
        raise UsageError(f"{path}: holds {len(found)} NodePools; give the one it belongs to")
    return found[0]


def _best_allowed(owner: Mapping[str, Any], choice: Choice) -> Offering:
    """The best offering that the NodePool allows.

    Raises:
        NoAnswerError: it allows none; says why not the best.
    """
    reasons: list[str] = []
    for offering in choice.offerings:
        reason = not_allowed(owner, offering)
        if reason is None:
            if reasons:
                note(f"{len(reasons)} better pools are not allowed by the NodePool: {reasons[0]}.")
            return offering
        reasons.append(reason)
    raise NoAnswerError(
        f"NodePool {owner['metadata']['name']} allows none of the {len(reasons)} pools: "
        f"{reasons[0]}."
    )


def _explain_claim(owner: Mapping[str, Any], offering: Offering) -> None:
    pool = offering.pool
    price = (
        "of unknown price"
        if offering.usd_per_hour is None
        else f"{offering.usd_per_hour:.4f} USD an hour"
    )
    place = "a zone that Karpenter chooses" if pool.zone == REGIONAL else pool.zone
    note(f"Asks for one {pool.instance_type} in {place}, {price}.")
    for text in traps([offering]):
        note(text)
    if not owner["metadata"].get("uid"):
        note(
            "The NodePool's manifest has no uid, as it is not from the cluster: deleting the "
            "NodePool will not delete this claim, and a change of its template will not drift it."
        )
    note(HAZARD_NOTE)
    note(RELEASE_NOTE)
