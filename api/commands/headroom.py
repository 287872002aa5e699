"""``spotcast headroom``: how many spare replicas to hold now, where, and what that buys."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from advisor import Demand
from advisor.headroom import Headroom
from advisor.headroom import Workload as Held
from advisor.karpenter.buffer import Spare, capacity_buffer, pause_pods
from api.answers import known_market
from api.choices import tell
from api.errors import EXIT_FAILED, EXIT_STALE
from api.manifest_files import write_manifests
from api.options import Output, Workload, with_workload
from api.output import Column, Format, Manifest, note, write
from api.rows.headroom import (
    PLACES,
    TARGET,
    HeadroomAnswer,
    headroom_notes,
    headroom_of,
    headroom_rows,
    place_text,
    pod_requests,
    share_text,
)
from api.units import age_text


class Form(StrEnum):
    """As what the answer is written."""

    TABLE = "table"
    NUMBER = "number"
    KSERVE = "kserve"
    BUFFER = "buffer"
    PAUSE = "pause"


COLUMNS = (
    Column("rule", "RULE"),
    Column("spares", "SPARES", is_right=True),
    Column("usd_per_hour", "USD/H", "{:.4f}".format, is_right=True),
    Column("covered", "P(ENOUGH)", share_text, is_right=True),
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
    made = headroom_of(
        context.obj,
        known_market(context.obj, workload),
        demand,
        workload.policy,
        needed=needed,
        held=held or (),
        pools=pools,
        target=target,
    )
    plan, running = made.plan, made.running
    tell(headroom_notes(made))
    if form in {Form.TABLE, Form.NUMBER}:
        _write(plan, form, output)
    else:
        manifests = _manifests(form, plan, running, demand, name, namespace, nodepool)
        write_manifests(manifests, Manifest.YAML)
    _end(made)


def _end(made: HeadroomAnswer) -> None:
    if made.plan.by_forecast is None:
        raise typer.Exit(EXIT_FAILED)
    if made.stale_since is not None:
        note(f"STALE: risk is up to {age_text(made.answer.now - made.stale_since)} old.")
    if made.is_stale:
        raise typer.Exit(EXIT_STALE)


def _write(plan: Headroom, form: Form, output: Format) -> None:
    if form is Form.NUMBER:
        typer.echo("unknown" if plan.by_forecast is None else plan.by_forecast.spares)
        return
    about = {"lost_within": {place_text(pool): share for pool, share in plan.lost_within.items()}}
    write(output, COLUMNS, headroom_rows(plan), name="headroom", about=about)


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
