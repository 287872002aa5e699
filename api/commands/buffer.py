"""``spotcast buffer``: spare room that stands ready for replicas, as Karpenter or pods keep it."""

from typing import Annotated

import typer

from advisor.karpenter.buffer import Spare
from api.choices import tell
from api.errors import UsageError
from api.making import RoomKind, room_of
from api.manifest_files import write_manifests
from api.output import Manifest

Requests = Annotated[
    list[str] | None,
    typer.Option(
        "--request",
        metavar="RESOURCE=AMOUNT",
        help="What the pods ask for, `nvidia.com/gpu=1` or `memory=16Gi`; may be repeated.",
    ),
]


def requests_of(texts: list[str] | None) -> dict[str, str]:
    """``["cpu=2"]`` by resource; {} of nothing.

    Raises:
        UsageError: one is not written so, or a resource is given twice.
    """
    found: dict[str, str] = {}
    for text in texts or ():
        resource, is_given, amount = text.partition("=")
        if not (resource and is_given and amount) or resource in found:
            raise UsageError(
                f"--request {text}: write each resource once, such as nvidia.com/gpu=1"
            )
        found[resource] = amount
    return found


def buffer_command(
    provider: Annotated[
        str, typer.Option("--provider", "-p", help="Cloud: aws, alibaba, gcp or azure.")
    ],
    nodepool: Annotated[
        list[str],
        typer.Option("--nodepool", help="Where to keep the room; may be repeated."),
    ],
    replicas: Annotated[int, typer.Option(min=1, help="Replicas to keep room for.")] = 1,
    request: Requests = None,
    kind: Annotated[
        RoomKind | None,
        typer.Option(help="How; if not given, a CapacityBuffer where the provider has it."),
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the objects.")] = "gpu-headroom",
    namespace: Annotated[str, typer.Option(help="Where they live.")] = "default",
    output: Annotated[
        Manifest, typer.Option("--output", "-o", help="How to write the manifests.")
    ] = Manifest.YAML,
) -> None:
    """Write a CapacityBuffer (aws, gcp) or pause pods (anywhere) that keep room for replicas.

    Without --request, room for one NVIDIA GPU each. How many to keep is another question.
    """
    spare = Spare(
        name=name,
        nodepools=tuple(nodepool),
        replicas=replicas,
        requests=requests_of(request) or {"nvidia.com/gpu": "1"},
        namespace=namespace,
    )
    made = room_of(provider, spare, kind)
    write_manifests(made.documents, output)
    tell(made.notes)
