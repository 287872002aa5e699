"""``spotcast warm``: is a model's cache warm, where, and why not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from advisor.kubernetes import KubernetesCluster
from advisor.kubernetes_caches import Caches
from advisor.replacement.records import Warmth
from advisor.serving.awaited import Awaited, Cache, awaited
from advisor.serving.fluid_warmth import node_verdict, zone_verdict
from advisor.serving.local_models import local_verdict
from api.commands.plan import read_manifests
from api.errors import NoAnswerError
from api.guard.file import CACHES, HOW, caches_in_file
from api.options import Kubeconfig, KubeContext, Output
from api.output import Column, Format, write

NONE = "-"
SHOWN = {Warmth.WARM: "warm", Warmth.WARMING: "cold", Warmth.UNKNOWN: "unknown"}

COLUMNS = (
    Column("cache", "CACHE"),
    Column("place", "WHERE"),
    Column("state", "STATE"),
    Column("workers", "WORKERS", is_right=True),
    Column("cached_on", "CACHED ON", is_wide=True),
    Column("why", "WHY"),
)


def warm_command(
    which: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[CACHE]...",
            help="dataset/NAMESPACE/NAME or localmodelcache/NAME; all of the cluster if none.",
        ),
    ] = None,
    snapshot: Annotated[
        Path | None,
        typer.Option(
            help="What kubectl printed (nodes, pods, datasets, dataloads, localmodelcaches), "
            "instead of a cluster.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    kubeconfig: Kubeconfig = None,
    context: KubeContext = None,
    output: Output = Format.TABLE,
) -> None:
    """Show for each zone (Fluid) or node (KServe) whether a model's cache is warm, and why not.

    A cold cache and one of which nothing is known both load at the cold rate.
    """
    if snapshot:
        found = caches_in_file(read_manifests(snapshot), str(snapshot))
    else:
        with KubernetesCluster(kubeconfig=kubeconfig, context=context) as cluster:
            found = cluster.caches()
    wanted = awaited(",".join(which)) if which else all_of(found)
    if not wanted:
        raise NoAnswerError(_nothing(found, snapshot))
    rows = [row for one in wanted for row in rows_of(one, found)]
    is_table = output in {Format.TABLE, Format.WIDE}
    write(output, COLUMNS, _cells(rows) if is_table else rows, name="caches", about={})


def all_of(found: Caches) -> tuple[Awaited, ...]:
    """Every cache that was found, by name."""
    datasets = (Awaited(Cache.DATASET, *names) for names in found.datasets)
    return tuple(
        sorted([*datasets, *(Awaited(Cache.LOCAL_MODEL, "", name) for name in found.local_models)])
    )


def rows_of(what: Awaited, found: Caches) -> list[dict[str, Any]]:
    """One row per zone of the nodes, or per node that KServe speaks of; one if there are none."""
    if why := found.trouble(what):
        return [_row(what, None, Warmth.UNKNOWN, None, why)]
    rows = list(_zones(what, found) if what.cache is Cache.DATASET else _nodes(what, found))
    return rows or [_row(what, None, Warmth.UNKNOWN, None, "it says nothing of any node")]


def _zones(what: Awaited, found: Caches) -> Iterator[dict[str, Any]]:
    state = found.state(found.datasets[what.namespace, what.name])
    for zone in sorted({one.zone for one in found.places.values() if one.zone}):
        verdict = zone_verdict(state, zone)
        workers = sum(one.zone == zone and one.ready_since is not None for one in state.workers)
        row = _row(what, zone, verdict.warmth, workers, verdict.why)
        held = {one.node for one in state.workers if one.zone == zone}
        row["cached_on"] = [
            node for node in sorted(held) if node_verdict(state, node, zone).warmth is Warmth.WARM
        ]
        yield row


def _nodes(what: Awaited, found: Caches) -> Iterator[dict[str, Any]]:
    manifest = found.local_models[what.name]
    for node in sorted((manifest.get("status") or {}).get("nodeStatus") or ()):
        verdict = local_verdict(manifest, node)
        yield _row(what, node, verdict.warmth, None, verdict.why)


def _row(
    what: Awaited, place: str | None, warmth: Warmth, workers: int | None, why: str
) -> dict[str, Any]:
    return {
        "cache": str(what),
        "place": place,
        "state": SHOWN[warmth],
        "workers": workers,
        "cached_on": None,
        "why": why,
    }


def _cells(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of a table: what a cache does not have is no unknown."""
    joined = [{**row, "cached_on": ", ".join(row["cached_on"] or ()) or None} for row in rows]
    return [{key: NONE if value is None else value for key, value in row.items()} for row in joined]


def _nothing(found: Caches, snapshot: Path | None) -> str:
    if found.denied:
        return " ".join(found.denied.values())
    if snapshot:
        return f"{snapshot}: holds no {', '.join(CACHES.values())}; add them to `{HOW}`"
    return "The cluster has no Dataset of Fluid and no LocalModelCache of KServe."
