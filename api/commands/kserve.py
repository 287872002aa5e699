"""``spotcast kserve``: check a served model, derive its demand, and write its baseline patch."""

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Annotated, Any

import typer

from advisor.karpenter.manifests import to_yaml
from advisor.serving.kserve_demand import sensible_context
from advisor.serving.kserve_finding import Severity, Subject
from advisor.serving.kserve_patch import Baseline, baseline
from advisor.serving.patching import json_patch, merge_patch
from api.choices import tell
from api.errors import EXIT_FAILED, UsageError
from api.options import with_fields
from api.output import Column, Format, note, write
from api.serving import (
    check_notes,
    demand_document,
    demand_file,
    finding_row,
    unknown_notes,
    value_text,
    working_rows,
)
from api.serving_options import CheckOptions, ServingOptions

kserve_app = typer.Typer(
    help="Check KServe's services, derive what they ask of machines, and mend them once.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

FINDINGS = (
    Column("severity", "SEVERITY"),
    Column("id", "FINDING"),
    Column("service", "SERVICE"),
    Column("place", "PLACE"),
    Column("fix", "FIX"),
    Column("why", "WHY", is_wide=True),
    Column("is_mended", "PATCH MENDS", lambda one: "yes" if one else "no", is_wide=True),
)


WORKINGS = (
    Column("name", "ITEM"),
    Column("value", "VALUE", value_text, is_right=True),
    Column("unit", "UNIT"),
    Column("is_guess", "GUESS", lambda one: "guess" if one else ""),
    Column("source", "FROM"),
    Column("service", "SERVICE", is_wide=True),
)


class PatchFormat(StrEnum):
    """How a patch is written."""

    MERGE = "merge"
    """For `kubectl patch --type merge --patch-file`."""
    JSON = "json"
    """RFC 6902, for `kubectl patch --type json --patch-file`."""
    FULL = "full"
    """The whole mended manifest and its budget, for `kubectl apply --server-side -f`."""
    PDB = "pdb"
    """The PodDisruptionBudget alone, for `kubectl apply -f`."""


@kserve_app.command("check")
@with_fields(CheckOptions)
def check_command(
    options: CheckOptions,
    context: typer.Context,
    output: Annotated[
        Format, typer.Option("--output", "-o", help="How to write the answer.")
    ] = Format.TABLE,
) -> None:
    """Say what is wrong with services on spot machines, where, and how to mend it.

    Exit code 1 if any finding is an error.
    """
    _not_one_line(output)
    objects = options.objects()
    around = options.surroundings(context.obj, objects)
    judged = [options.judged(one, around) for one in options.services(objects)]
    found = [one for _, several in judged for one in several]
    about = {"services": [one.service.title for one, _ in judged]}
    write(output, FINDINGS, [finding_row(one) for one in found], name="findings", about=about)
    for subject, several in judged:
        tell(check_notes(subject, several))
    if any(one.severity is Severity.ERROR for one in found):
        raise typer.Exit(EXIT_FAILED)


@kserve_app.command("demand")
@with_fields(ServingOptions)
def demand_command(
    options: ServingOptions,
    output: Annotated[
        Format,
        typer.Option("--output", "-o", help="How to write it; yaml is a file for rank --demand."),
    ] = Format.TABLE,
) -> None:
    """Derive what one machine of a service must have, with the source of each number.

    Of several services, YAML is written for the one that --name names.
    """
    _not_one_line(output)
    objects = options.objects()
    if output is Format.YAML:
        need = options.demand(options.one_service(objects))
        sys.stdout.write(demand_file(need))
        tell(unknown_notes(need.service, need))
        return
    needs = [options.demand(one) for one in options.services(objects)]
    rows = [row for need in needs for row in working_rows(need)]
    about = {"demands": {one.service.title: demand_document(one.demand) for one in needs}}
    write(output, WORKINGS, rows, name="workings", about=about)
    for need in needs:
        tell(unknown_notes(need.service, need))


@kserve_app.command("patch")
@with_fields(CheckOptions)
def patch_command(
    options: CheckOptions,
    context: typer.Context,
    replicas: Annotated[
        int | None, typer.Option(min=1, help="Also keep so many replicas at least.")
    ] = None,
    output: Annotated[
        PatchFormat, typer.Option("--output", "-o", help="How to write it.")
    ] = PatchFormat.MERGE,
) -> None:
    """Write the patch that mends a service's findings, to be applied once.

    What changes with the market never goes here, but to the NodePool: each change of a service's
    template is a cold start of all its pods.
    """
    objects = options.objects()
    service = options.one_service(objects)
    around = options.surroundings(context.obj, objects)
    subject, found = options.judged(service, around)
    if any(one.id == "KSERVE-CONTEXT-LENGTH" for one in found) and options.context_length is None:
        # What is set is also what the GPUs must have room for.
        tokens = sensible_context(subject.need.model)
        note(f"Nothing limits the context: --max-model-len={tokens}; --context-length says more.")
        subject, found = replace(options, context_length=tokens).judged(service, around)
    made = baseline(subject, found, replicas=replicas, gpus=options.gpus)
    _write_patch(made, output)
    _tell_patch(subject, made)


def _write_patch(made: Baseline, output: PatchFormat) -> None:
    budget = [] if made.budget is None else [made.budget]
    match output:
        case PatchFormat.MERGE:
            sys.stdout.write(to_yaml([merge_patch(made.before, made.mended)]))
        case PatchFormat.JSON:
            operations = json_patch(made.before, made.mended)
            sys.stdout.write(f"{json.dumps(operations, indent=2)}\n")
        case PatchFormat.FULL:
            sys.stdout.write(to_yaml([_applicable(made.mended), *budget]))
        case PatchFormat.PDB:
            if not budget:
                raise UsageError("the service has a PodDisruptionBudget already")
            sys.stdout.write(to_yaml(budget))


def _applicable(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Without what the API server itself wrote."""
    about = {
        key: value
        for key, value in manifest["metadata"].items()
        if key in {"name", "namespace", "labels", "annotations"}
    }
    return {
        **{key: value for key, value in manifest.items() if key != "status"},
        "metadata": about,
    }


def _tell_patch(subject: Subject, made: Baseline) -> None:
    service = subject.service
    tell(unknown_notes(service, subject.need))
    where = f" -n {service.namespace}" if service.namespace else ""
    plural = "llminferenceservice" if service.is_llm else "inferenceservice"
    if merge_patch(made.before, made.mended):
        note(
            f"Apply it once, when a cold start of all pods is no harm: kubectl patch {plural} "
            f"{service.name}{where} --type merge --patch-file FILE. Prices and risks never go "
            "here: each change of the template starts every pod anew."
        )
    else:
        note(f"{service.title}: the manifest needs no patch.")
    if made.budget is not None:
        note("KServe makes no PodDisruptionBudget: -o pdb writes it, and -o full has it as well.")
    for name, change in made.budget_patches.items():
        note(
            f"PodDisruptionBudget {name} lets no pod go: kubectl patch pdb {name}{where} --type "
            f"merge -p '{json.dumps(change)}'"
        )
    for one in made.left:
        note(f"Left to you: {one.id} at {one.place}: {one.fix}")


def _not_one_line(output: Format) -> None:
    if output is Format.ONE_LINE:
        raise UsageError("one line is for instance types: write table, wide, json, yaml or csv")
