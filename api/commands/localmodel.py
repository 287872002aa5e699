"""``spotcast localmodel``: KServe's own cache of a model, on the nodes that serve it."""

from typing import Annotated

import typer

from advisor.karpenter.labels import WARM_WHEN
from advisor.serving.awaited import Awaited, Cache
from advisor.serving.local_models import MODELS_PATH, LocalModel, local_model_manifests
from api.commands.fluid import ModelUri, Weights
from api.manifest_files import write_manifests
from api.options import size_gb
from api.output import Manifest, note


def localmodel_command(
    model_uri: ModelUri,
    weights: Weights,
    nodepool: Annotated[
        list[str],
        typer.Option("--nodepool", help="Whose nodes serve the model; may be repeated."),
    ],
    name: Annotated[str, typer.Option(help="Name of the objects.")] = "model",
    path: Annotated[str, typer.Option(help="Folder of the models on a node.")] = MODELS_PATH,
    storage: Annotated[
        float | None,
        typer.Option(
            parser=size_gb,
            metavar="SIZE",
            help="What all models may take on a node, `200GB`; else this one alone.",
        ),
    ] = None,
    output: Annotated[
        Manifest, typer.Option("--output", "-o", help="How to write the manifests.")
    ] = Manifest.YAML,
) -> None:
    """Write a LocalModelNodeGroup and a LocalModelCache: the model on each node's own disk.

    It is downloaded to a node when that has come, so it saves the second start there.
    """
    model = LocalModel(
        name=name,
        model_uri=model_uri,
        weights_gb=weights,
        nodepools=tuple(nodepool),
        path=path,
        storage_gb=storage,
    )
    write_manifests(local_model_manifests(model), output)
    note(
        "Needs KServe 0.15 with localModel enabled in inferenceservice-config, and its node agent "
        "on nodes that still bear the taint spotcast.io/warming: give its DaemonSet the toleration."
    )
    note(
        f"Let new nodes wait for it: kubectl annotate nodepool {nodepool[0]} "
        f"{WARM_WHEN}={Awaited(Cache.LOCAL_MODEL, '', name)}"
    )
