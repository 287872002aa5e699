"""``spotcast fluid``: a model's cache in Fluid, near to spot machines and not on them."""

from typing import Annotated

import typer

from advisor.karpenter.labels import WARM_WHEN
from advisor.serving.awaited import Awaited, Cache
from advisor.serving.fluid import FluidCache, Medium, data_load, fluid_manifests
from advisor.serving.fluid_mounts import Runtime
from advisor.serving.fluid_prefetch import prefetch
from api.errors import UsageError
from api.manifest_files import write_manifests
from api.options import size_gb
from api.output import Manifest, note

ModelUri = Annotated[
    str,
    typer.Option("--model-uri", help="Where the model's files are.", metavar="ADDRESS"),
]
Weights = Annotated[
    float,
    typer.Option(
        parser=size_gb, help="Size of the model's files, `65GB` or `61GiB`.", metavar="SIZE"
    ),
]


def fluid_command(
    model_uri: ModelUri,
    weights: Weights,
    zone: Annotated[
        list[str],
        typer.Option(
            help="Zone where the model is served, as nodes are labelled; may be repeated."
        ),
    ],
    name: Annotated[str, typer.Option(help="Name of the objects, and of the claim.")] = "model",
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", help="Where they live.")
    ] = "default",
    runtime: Annotated[Runtime, typer.Option(help="What keeps the cache.")] = Runtime.JINDO,
    medium: Annotated[Medium, typer.Option(help="What workers cache on.")] = Medium.SSD,
    cache_path: Annotated[
        str | None, typer.Option(help="Folder of the cache on a worker's machine.")
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="An option of the mount, `fs.s3.region=us-east-1`; may be repeated.",
        ),
    ] = None,
    secret: Annotated[
        str | None, typer.Option(help="Secret with the keys of the model's storage.")
    ] = None,
    secret_key: Annotated[
        list[str] | None,
        typer.Option(help="A key that the Secret has, if not all that the runtime knows."),
    ] = None,
    node_label: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="A label that the workers' machines must have."),
    ] = None,
    shared: Annotated[
        bool, typer.Option("--shared", help="Let workers of other Datasets share the machines.")
    ] = False,
    load: Annotated[
        str | None,
        typer.Option(help="Only a DataLoad of this name: after a worker has changed."),
    ] = None,
    output: Annotated[
        Manifest, typer.Option("--output", "-o", help="How to write the manifests.")
    ] = Manifest.YAML,
) -> None:
    """Write a Dataset, its runtime and a DataLoad: one cache worker on demand in each zone.

    `spotcast warm` tells whether it is filled.
    """
    cache = FluidCache(
        name=name,
        namespace=namespace,
        model_uri=model_uri,
        weights_gb=weights,
        zones=tuple(zone),
        runtime=runtime,
        medium=medium,
        path=cache_path,
        options=pairs("--option", option),
        secret=secret,
        secret_keys=tuple(secret_key) if secret_key else None,
        node_labels=pairs("--node-label", node_label),
        is_exclusive=not shared,
    )
    if load:
        write_manifests([data_load(cache, load)], output)
        return
    write_manifests(fluid_manifests(cache), output)
    _explain(cache)


def pairs(option: str, texts: list[str] | None) -> dict[str, str]:
    """``["a=1"]`` by key.

    Raises:
        UsageError: one is not written so, or a key is given twice.
    """
    found: dict[str, str] = {}
    for text in texts or ():
        key, is_given, value = text.partition("=")
        if not (key and is_given and value) or key in found:
            raise UsageError(f"{option} {text}: write each key once, as KEY=VALUE")
        found[key] = value
    return found


def _explain(cache: FluidCache) -> None:
    what = Awaited(Cache.DATASET, cache.namespace, cache.name)
    pods = prefetch(cache.name, cache.weights_gb)
    count = f"{cache.workers} worker{'s' if cache.workers > 1 else ''}"
    note(
        f"{count} on demand, one for each of {', '.join(cache.zones)}, each with "
        f"{cache.quota_gib} GiB for {cache.weights_gb:.4g} GB of weights: as many copies."
    )
    if cache.workers > 1:
        note(
            "Fluid cannot spread workers over zones: `spotcast warm` tells if a zone got none. A "
            "NodePool for each zone that is full with one such machine makes sure."
        )
    if cache.runtime is Runtime.JUICEFS:
        note(
            "JuiceFS: in the community edition each node fills its own cache, so a new node is "
            "cold and nothing tells otherwise; the enterprise edition keeps one copy for all zones."
        )
    note(f"Serve from it with storageUri: pvc://{cache.name}/ in namespace {cache.namespace}.")
    note(
        f"Into the memory of the pod's node first ({pods.memory_gib} GiB): give the pods "
        f"{_written(pods.labels)} as labels and {_written(pods.annotations)} as annotations."
    )
    note(f"Let new nodes wait for it: kubectl annotate nodepool NAME {WARM_WHEN}={what}")


def _written(given: dict[str, str]) -> str:
    return ", ".join(f'{key}: "{value}"' for key, value in given.items())
