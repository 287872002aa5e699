"""``spotcast nodeclaim``: one machine of one exact pool, asked of Karpenter by hand."""

from pathlib import Path
from typing import Annotated, Any

import typer

from api.choices import ChoiceOptions, end_if_stale, notes_of, tell
from api.commands.buffer import Requests, requests_of
from api.errors import UsageError
from api.making import claim_of
from api.manifest_files import read_manifests, write_manifests
from api.options import with_fields
from api.output import Manifest


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
    made = claim_of(owner, choice, name=name, requests=requests_of(request))
    write_manifests(made.documents, output)
    tell([*notes_of(choice), *made.notes])
    end_if_stale(choice)


def _nodepool(path: Path) -> dict[str, Any]:
    found = [one for one in read_manifests(path) if one["kind"] == "NodePool"]
    if len(found) != 1:
        raise UsageError(f"{path}: holds {len(found)} NodePools; give the one it belongs to")
    return found[0]
