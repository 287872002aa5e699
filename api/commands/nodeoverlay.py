"""``spotcast nodeoverlay``: the risk of each pool as a premium on the price Karpenter sees."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from advisor.karpenter.nodeoverlay import OverlaySettings, check_has_overlays
from advisor.karpenter.stale_overlays import Removal, overlays_to_remove
from api.choices import Choice, ChoiceOptions, end_if_stale, notes_of, tell
from api.making import overlays_of
from api.manifest_files import read_manifests, write_manifests
from api.options import with_fields
from api.output import Manifest, note
from api.settings import Settings
from api.wiring import utc_now


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
    made = overlays_of(choice, settings)
    write_manifests(made.documents, output)
    tell([*notes_of(choice), *made.notes])
    end_if_stale(choice)


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
        wanted = overlays_of(choice, settings).documents
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
