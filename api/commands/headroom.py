"""``spotcast headroom``: how many spare replicas to hold now, where, and what that buys."""

import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer

from advisor import Demand
from advisor.headroom import Headroom, Spares, plan_headroom
from advisor.headroom import Workload as Held
from advisor.karpenter.buffer import Spare, capacity_buffer, pause_pods
from api.answers import Answer, Known, answer_of, known_market
from api.errors import EXIT_FAILED, EXIT_STALE, UsageError
from api.manifest_files import write_manifests
from api.options import Output, Workload, with_workload
from api.output import Column, Format, Manifest, note, write
from api.units import age_text
from warehouse.records import REGIONAL, Pool

PLACES = 3
"""Pools over which replicas are spread where nobody says where they are: one pool lost leaves two
thirds, and few services have more zones."""

TARGET = 0.99
"""P(enough replicas outlast the lead time) unless asked otherwise: a service that is short in one
lead time of a hundred."""

HELD = re.compile(r"(?P<type>[^@=]+)@(?P<zone>[^@=]+)=(?P<count>\d+)")


class Form(StrEnum):
    """As what the answer is written."""

    TABLE = "table"
    NUMBER = "number"
    KSERVE = "kserve"
    BUFFER = "buffer"
    PAUSE = "pause"


def _share(value: float) -> str:
    return f"{100 * value:.7g}%"


COLUMNS = (
    Column("rule", "RULE"),
    Column("spares", "SPARES", is_right=True),
    Column("usd_per_hour", "USD/H", "{:.4f}".format, is_right=True),
    Column("covered", "P(ENOUGH)", _share, is_right=True),
    Column("short", "EXPECTED SHORT", "{:.4f}".format, is_right=True),
    Column("places", "WHERE"),
)


@with_workload
def headroom_command(
    workload: Workload,
    context: typer.Context,
    needed: Annotated[
        int | None, typer.Option(min=1, help="Replicas that must serve; the demand's count if not.")
    ] = None,
    held: Annotated[
        list[str] | None,
        typer.Option(metavar="TYPE@ZONE=N", help="Replicas held now in a pool; may be repeated."),
    ] = None,
    pools: Annotated[
        int, typer.Option(min=1, help="Best pools to spread over where none is named by --held.")
    ] = PLACES,
    target: Annotated[
        float, typer.Option(min=0.5, max=1.0, help="P(enough replicas outlast the lead time).")
    ] = TARGET,
    form: Annotated[
        Form, typer.Option("--as", help="A table, the number alone, or what a cluster reads.")
    ] = Form.TABLE,
    name: Annotated[str, typer.Option(help="Of the InferenceService or buffer.")] = "headroom",
    namespace: Annotated[str, typer.Option(help="Its namespace.")] = "default",
    nodepool: Annotated[str, typer.Option(help="NodePool in which a buffer is kept.")] = "gpu-spot",
    output: Output = Format.TABLE,
) -> None:
    """Say how many spare replicas to hold now, from the forecast and the lead time.

    Beside it stand the static rules N+0, N+1 and N+2: what they cost and what they buy.
    """
    demand = workload.demand()
    known = known_market(context.obj, workload)
    answer = answer_of(context.obj, known, demand, workload.policy)
    wanted = needed or demand.count
    replicas = _held(held, known) if held else _spread(answer, wanted, pools)
    ahead = max(demand.looks_ahead(pool.provider) for pool in replicas)
    running = Held(replicas, wanted, ahead, _prices(known))
    plan = plan_headroom(running, known.hazards, target)
    _tell(plan, running, target, spread=not held)
    if form in {Form.TABLE, Form.NUMBER}:
        _write(plan, form, output)
    else:
        manifests = _manifests(form, plan, running, demand, name, namespace, nodepool)
        write_manifests(manifests, Manifest.YAML)
    _end(plan, known, answer)


def _end(plan: Headroom, known: Known, answer: Answer) -> None:
    stale = [
        one
        for pool in plan.lost_within
        for one in known.hazards.get(pool, ())
        if one.is_stale(known.now)
    ]
    if plan.by_forecast is None:
        raise typer.Exit(EXIT_FAILED)
    if stale:
        oldest = known.now - min(one.observed_at for one in stale)
        note(f"STALE: risk is up to {age_text(oldest)} old.")
    if stale or any(answer.is_stale(one) for one in answer.ranking.ranked[:1]):
        raise typer.Exit(EXIT_STALE)


def _held(held: list[str], known: Known) -> dict[Pool, int]:
    """The replicas that were named, by the market's pool of that type and zone."""
    replicas: dict[Pool, int] = {}
    for text in held:
        match = HELD.fullmatch(text)
        if match is None:
            raise UsageError(f"--held {text!r}: write TYPE@ZONE=N, such as g5.xlarge@use1-az4=2")
        named = [
            one.pool
            for one in known.universe.offerings
            if one.pool.instance_type == match["type"]
            and match["zone"] in {one.pool.zone, one.pool.region}
        ]
        if len(set(named)) != 1:
            found = "no such pool has a price" if not named else "several pools are named so"
            raise UsageError(f"--held {text!r}: {found}; give --provider and --region as well")
        replicas[named[0]] = replicas.get(named[0], 0) + int(match["count"])
    return replicas


def _spread(answer: Answer, wanted: int, pools: int) -> dict[Pool, int]:
    """The wanted replicas, evenly over the best pools of known risk."""
    best = [one.offering.pool for one in answer.ranking.ranked if one.hazard is not None][:pools]
    best = best or [one.offering.pool for one in answer.ranking.ranked[:pools]]
    return {
        pool: wanted // len(best) + (place < wanted % len(best)) for place, pool in enumerate(best)
    }


def _prices(known: Known) -> dict[Pool, float]:
    return {
        one.pool: one.usd_per_hour
        for one in known.universe.offerings
        if one.usd_per_hour is not None
    }


def _tell(plan: Headroom, running: Held, target: float, *, spread: bool) -> None:
    places = _places(running.replicas)
    minutes = running.lead_time / timedelta(minutes=1)
    where = "spread over the best pools" if spread else "held"
    note(f"{running.needed} replicas must outlast {minutes:g} min; {where}: {places}.")
    if plan.unknown:
        note(f"Risk unknown, so counted as lost: {', '.join(map(_place, plan.unknown))}.")
    if plan.out_of_reach:
        note(f"{plan.out_of_reach}.")
    if chosen := plan.by_forecast:
        note(f"Hold {chosen.spares} spare: {_share(chosen.covered)} against {_share(target)}.")
    note("A pool is taken to be lost as a whole, and pools independently of each other.")


def _write(plan: Headroom, form: Form, output: Format) -> None:
    every = [one for one in (plan.by_forecast, *plan.static) if one]
    if form is Form.NUMBER:
        typer.echo("unknown" if plan.by_forecast is None else plan.by_forecast.spares)
        return
    about = {"lost_within": {_place(pool): share for pool, share in plan.lost_within.items()}}
    write(output, COLUMNS, [_row(one) for one in every], name="headroom", about=about)


def _row(spares: Spares) -> dict[str, Any]:
    return {
        "rule": spares.rule,
        "spares": spares.spares,
        "usd_per_hour": spares.usd_per_hour,
        "covered": spares.covered,
        "short": spares.short,
        "places": _places(spares.places) or "-",
    }


def _place(pool: Pool) -> str:
    where = pool.region if pool.zone == REGIONAL else pool.zone
    return f"{pool.instance_type}@{where}"


def _places(places: Mapping[Pool, int]) -> str:
    return ", ".join(f"{_place(pool)}={count}" for pool, count in sorted(places.items()) if count)


def _manifests(
    form: Form,
    plan: Headroom,
    running: Held,
    demand: Demand,
    name: str,
    namespace: str,
    nodepool: str,
) -> list[dict[str, Any]]:
    if plan.by_forecast is None:
        return []
    spares = plan.by_forecast.spares
    if form is Form.KSERVE:
        note(
            "Apply with `kubectl patch --type merge` in KServe's Standard mode; in Knative mode a "
            "new minReplicas makes a new revision, which starts every replica anew."
        )
        return [_inference_service(name, namespace, running.needed + spares)]
    if spares == 0:
        note("Nothing to hold: no buffer is written, and one that is there can go.")
        return []
    spare = Spare(name, (nodepool,), spares, pod_requests(demand), namespace)
    if form is Form.PAUSE:
        return pause_pods(spare)
    return capacity_buffer(next(iter(running.replicas)).provider, spare)


def _inference_service(name: str, namespace: str, replicas: int) -> dict[str, Any]:
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"predictor": {"minReplicas": replicas}},
    }


def pod_requests(demand: Demand) -> dict[str, str]:
    """What one replica asks of a node, as Kubernetes writes it."""
    resource = "amd.com/gpu" if demand.gpu_manufacturer == "amd" else "nvidia.com/gpu"
    gpus = demand.gpus or (1 if demand.wants_gpu else 0)
    asked = {
        resource: str(gpus) if gpus else None,
        "cpu": None if demand.vcpus_min is None else f"{round(1000 * demand.vcpus_min)}m",
        "memory": (
            None if demand.memory_min_gib is None else f"{round(1024 * demand.memory_min_gib)}Mi"
        ),
    }
    return {name: amount for name, amount in asked.items() if amount}
