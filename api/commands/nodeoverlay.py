"""``spotcast nodeoverlay``: the risk of each pool as a premium on the price Karpenter sees."""

import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from advisor.karpenter.nodeoverlay import (
    OverlaySettings,
    check_has_overlays,
    node_overlays,
    premium,
)
from advisor.karpenter.requirements import placed
from advisor.karpenter.stale_overlays import Removal, overlays_to_remove
from api.choices import Choice, ChoiceOptions, end_if_stale, explain
from api.manifest_files import read_manifests, write_manifests
from api.options import with_fields
from api.output import Manifest, note
from api.settings import Settings
from api.wiring import utc_now

AWS_NOTE = (
    "On AWS an overlay is a hint: one alone turns the spot strategy of every NodePool that it "
    "touches from price-capacity-optimized to capacity-optimized-prioritized, in which EC2 looks "
    "at capacity first and at these prices after that. --nodepool keeps it to the ones named."
)
NOTES = {
    "aws": AWS_NOTE,
    "azure": "On Azure the overlaid price decides: the cheapest type and zone by it are bought.",
}
GATE_NOTE = (
    "Overlays need Karpenter's gate NodeOverlay (alpha, 1.7 and later), and each of them the "
    "condition Ready=True. Karpenter's own price metrics show overlaid prices from then on."
)


@with_fields(ChoiceOptions)
def nodeoverlay_command(
    options: ChoiceOptions,
    context: typer.Context,
    name: Annotated[
        str, typer.Option(help="Name of the set; names of its overlays begin with it.")
    ] = "spotcast-risk",
    nodepool: Annotated[
        list[str] | None,
        typer.Option("--nodepool", help="Only for this NodePool; may be repeated."),
    ] = None,
    band_percent: Annotated[
        float, typer.Option("--band", min=0.1, help="Per cent between two premiums.")
    ] = 5.0,
    unknown_percent: Annotated[
        float | None,
        typer.Option(
            "--unknown-premium",
            min=0,
            help="Per cent on pools of unknown risk; else so much that all others go before them.",
        ),
    ] = None,
    prune: Annotated[
        Path | None,
        typer.Option(
            help="Instead: the overlays in the cluster (kubectl get nodeoverlays -o yaml; - for "
            "standard input); lists those of ours to delete, one a line."
        ),
    ] = None,
    output: Annotated[
        Manifest, typer.Option("--output", "-o", help="How to write the manifests.")
    ] = Manifest.YAML,
) -> None:
    """Write NodeOverlays that add the expected cost of interruptions to spot prices (aws, azure).

    With --prune, list the overlays that have outlived their data; with --provider and --region as
    well, those of the set that would not be written any more.
    """
    settings = OverlaySettings(
        name=name,
        nodepools=tuple(nodepool or ()),
        band_share=band_percent / 100,
        unknown_share=None if unknown_percent is None else unknown_percent / 100,
    )
    if prune is not None:
        _prune(options, settings, context.obj, read_manifests(prune))
        return
    check_has_overlays(options.cloud)
    choice = options.choice(context.obj)
    manifests = overlays(choice, settings)
    write_manifests(manifests, output)
    explain(choice)
    _explain_overlays(choice, settings, manifests)
    end_if_stale(choice)


def overlays(choice: Choice, settings: OverlaySettings) -> list[dict[str, Any]]:
    """The overlays of the choice.

    Raises:
        ManifestError: they cannot be written.
    """
    premiums = [
        premium(offering, one.cost_usd_per_hour)
        for one in choice.ranked
        for offering in placed([one.offering], choice.zones)
    ]
    return node_overlays(
        premiums,
        settings,
        choice.annotations(),
        data_as_of=choice.data_as_of,
        expires_at=_expires_at(choice),
    )


def _expires_at(choice: Choice) -> datetime:
    """When the oldest price is too old to stand for its present."""
    max_age: timedelta = choice.answer.max_age
    return choice.data_as_of + max_age


def _prune(
    options: ChoiceOptions,
    settings: OverlaySettings,
    context: Settings,
    found: list[dict[str, Any]],
) -> None:
    """Write the names of the overlays to delete; the reasons are for people."""
    removals: list[Removal]
    choice: Choice | None
    if options.provider or options.demand_file:
        check_has_overlays(options.cloud)
        choice = options.choice(context)
        wanted = overlays(choice, settings)
        removals = overlays_to_remove(found, utc_now(), overlay_set=settings.name, wanted=wanted)
    else:
        choice, removals = None, overlays_to_remove(found, utc_now())
    for one in removals:
        sys.stdout.write(f"{one.name}\n")
        note(f"{one.name}: {one.reason}.")
    if not removals:
        note("None of the overlays is to be deleted.")
    if choice is not None:
        end_if_stale(choice)


def _explain_overlays(
    choice: Choice, settings: OverlaySettings, manifests: list[dict[str, Any]]
) -> None:
    unknown = sum(one.cost_usd_per_hour is None for one in choice.ranked)
    if not manifests:
        note("No pool has a premium: nothing is known to add to the prices.")
        return
    if unknown:
        told = (
            "a premium that puts them after all whose risk is known"
            if settings.unknown_share is None
            else f"the premium that was set, {100 * settings.unknown_share:g}% and up to its band"
        )
        note(f"Risk unknown for {unknown} of {len(choice.ranked)} pools: they get {told}.")
    note(GATE_NOTE)
    note(NOTES[choice.offerings[0].pool.provider])
    expires_at = _expires_at(choice).isoformat(timespec="minutes").replace("+00:00", "Z")
    note(f"They hold until {expires_at}: renew them, or delete those that --prune lists.")
