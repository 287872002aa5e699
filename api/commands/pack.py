"""``spotcast pack``: pods onto the least-cost set of nodes of one region."""

import ctypes
import os
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from advisor import Ranked
from advisor.packing import (
    Costs,
    Node,
    NodeSettings,
    Packing,
    PackingSettings,
    Taint,
    Unplaced,
    Workload,
    pack,
    read_pods,
    smallest_machine,
    utilisation,
    wasted_usd_per_hour,
)
from advisor.packing.fit import NodeKind
from advisor.packing.refusals import amount_text
from api.answers import BASIS_NOTES, NO_RISK, Answer, ask
from api.commands.market import warn_stale
from api.errors import EXIT_FAILED, EXIT_STALE, UsageError
from api.options import Output, with_fields
from api.options import Workload as WorkloadOptions
from api.output import Column, Format, note, write
from warehouse.records import CapacityType, Pool

EFFECTS = ("NoSchedule", "NoExecute", "PreferNoSchedule")

NAMED = 3
"""Pods named in a row of the table; more are counted."""


def _share(value: float) -> str:
    return f"{100 * value:.0f}%"


COLUMNS = (
    Column("nodes", "NODES", is_right=True),
    Column("instance_type", "TYPE"),
    Column("zone", "ZONE"),
    Column("capacity_type", "CAPACITY"),
    Column("usd_per_hour", "USD/H EACH", "{:.4f}".format, is_right=True),
    Column("pods", "PODS EACH", is_right=True),
    Column("cpu_used_share", "CPU", _share, is_right=True),
    Column("memory_used_share", "MEMORY", _share, is_right=True),
    Column("accelerators", "ACCELERATORS"),
    Column("wasted_usd_per_hour", "WASTED USD/H", "{:.4f}".format, is_right=True),
    Column("runs", "RUNS"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackOptions(WorkloadOptions):
    """The options of a packing."""

    daemonsets: Annotated[
        list[Path] | None,
        typer.Option(help="DaemonSets that run on each node; may be repeated.", dir_okay=False),
    ] = None
    spot_only: Annotated[bool, typer.Option("--spot-only", help="Buy nothing on demand.")] = False
    unknown_risk: Annotated[
        bool,
        typer.Option(
            "--unknown-risk", help="Also buy spot of unknown risk, counted at its price alone."
        ),
    ] = False
    node_label: Annotated[
        list[str] | None,
        typer.Option(
            "--node-label",
            help="Label that the NodePool adds; may be repeated.",
            metavar="KEY=VALUE",
        ),
    ] = None
    taint: Annotated[
        list[str] | None,
        typer.Option(help="Taint of every node; may be repeated.", metavar="KEY[=VALUE]:EFFECT"),
    ] = None
    untainted_gpus: Annotated[
        bool,
        typer.Option(
            "--untainted-gpus", help="GPU nodes carry no taint nvidia.com/gpu:NoSchedule."
        ),
    ] = False
    time_limit: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="How long to search, at most.")
    ] = 10.0

    def settings(self) -> PackingSettings:
        """How to pack.

        Raises:
            UsageError: a label or a taint is none.
        """
        labels = dict(_label(text) for text in self.node_label or ())
        taints = tuple(_taint(text) for text in self.taint or ())
        return PackingSettings(
            node=NodeSettings(
                labels=labels, taints=taints, taint_accelerators=not self.untainted_gpus
            ),
            zones=self.policy.zones,
            architecture=self.demand().architecture or "amd64",
            time_limit=timedelta(seconds=self.time_limit),
        )


def _label(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise UsageError(f"--node-label {text!r}: write KEY=VALUE")
    return key, value


def _taint(text: str) -> Taint:
    named, colon, effect = text.rpartition(":")
    key, _, value = named.partition("=")
    if not key or not colon or effect not in EFFECTS:
        raise UsageError(f"--taint {text!r}: write KEY=VALUE:NoSchedule, or KEY:NoExecute")
    return Taint(key, value, effect)


@with_fields(PackOptions)
def pack_command(
    options: PackOptions,
    context: typer.Context,
    files: Annotated[
        list[str],
        typer.Argument(help="Manifests, or what `kubectl get pods -o yaml` says; - for stdin."),
    ],
    output: Output = Format.TABLE,
) -> None:
    """Pack pods onto the nodes of one region that cost least, risk included.

    Every node is new. A pod that names no architecture gets amd64 unless --arch says otherwise.
    Exit code 1 if a pod has no place.
    """
    if len(options.policy.providers) != 1 or len(options.policy.regions) != 1:
        raise UsageError("give --provider and one --region: the nodes of a cluster are in one")
    workload = _workload(files, options.daemonsets or ())
    answer = ask(context.obj, options, options.demand(), with_on_demand=not options.spot_only)
    ranked = list(answer.ranking.ranked)
    costs = expected_costs(ranked, by_price=options.unknown_risk or answer.risk_basis == NO_RISK)
    offerings = [one.offering for one in ranked]
    with solver_off_stdout():
        packing = pack(workload, offerings, costs, options.settings())
    single = smallest_machine(workload, offerings, costs, options.settings())
    write(output, COLUMNS, _rows(packing), name="nodes", about=_about(packing, single, answer))
    _explain(packing, single, answer, workload)
    end(packing, ranked, answer)


def _workload(files: Sequence[str], daemonsets: Sequence[Path]) -> Workload:
    """The pods of all files; `-` is standard input.

    Raises:
        UsageError: a file cannot be read, or no pods are in any.
        PodError: what is read is no manifest.
    """
    read = [read_pods(_text(name), "standard input" if name == "-" else name) for name in files]
    more = [read_pods(_text(str(path)), str(path)) for path in daemonsets]
    for path, one in zip(daemonsets, more, strict=True):
        if one.pods or not one.daemons:
            raise UsageError(f"{path}: DaemonSets are wanted, and nothing else")
    daemons = {(one.namespace, one.name): one for part in (*read, *more) for one in part.daemons}
    pods = tuple(pod for part in read for pod in part.pods)
    if not pods:
        raise UsageError(f"{', '.join(files)}: no pods to place")
    notes = tuple(text for part in (*read, *more) for text in part.notes)
    return Workload(pods, tuple(daemons.values()), notes)


def _text(name: str) -> str:
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{name}: cannot be read: {error}") from error


def expected_costs(ranked: Sequence[Ranked], *, by_price: bool) -> Costs:
    """What each offering is expected to cost; of unknown risk its price, if ``by_price``."""
    costs: dict[tuple[Pool, CapacityType], float] = {}
    for one in ranked:
        cost = one.cost_usd_per_hour
        if cost is None and by_price:
            cost = one.offering.usd_per_hour
        if cost is not None:
            costs[one.offering.pool, one.offering.capacity_type] = cost
    return costs


@contextmanager
def solver_off_stdout() -> Generator[None]:
    """Send what the solver itself prints to standard error.

    HiGHS writes a line of its own past Python, whatever its options, when it repairs a solution;
    standard output is for data alone.
    """
    sys.stdout.flush()
    libc = ctypes.CDLL(None) if os.name == "posix" else None
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        if libc is not None:
            libc.fflush(None)
        os.dup2(kept, 1)
        os.close(kept)


def _rows(packing: Packing) -> list[dict[str, Any]]:
    """One row per kind of node that runs the same pods."""
    rows: dict[str, dict[str, Any]] = {}
    for node in packing.nodes:
        row = _row(node)
        key = repr({**row, "runs": _runs(node)})
        rows.setdefault(key, {"nodes": 0, **row})["nodes"] += 1
    return list(rows.values())


def _row(node: Node) -> dict[str, Any]:
    pool = node.offering.pool
    names = sorted(name for name in node.allocatable if "/" in name)
    return {
        "provider": pool.provider,
        "region": pool.region,
        "zone": node.zone or "any",
        "instance_type": pool.instance_type,
        "capacity_type": node.offering.capacity_type.value,
        "usd_per_hour": node.usd_per_hour,
        "price_usd_per_hour": node.offering.usd_per_hour,
        "pods": node.pod_count,
        "cpu_used_share": node.share_used("cpu"),
        "memory_used_share": node.share_used("memory"),
        "accelerators": ", ".join(
            f"{node.used.get(name, 0)} of {node.allocatable[name]} {name}" for name in names
        )
        or "-",
        "wasted_usd_per_hour": wasted_usd_per_hour(node),
        "allocatable": dict(node.allocatable),
        "used": dict(node.used),
        "runs": _runs(node),
    }


def _runs(node: Node) -> str:
    """The pods by name, most first."""
    counts: dict[str, int] = {}
    for pod, count in node.pods:
        counts[pod.title] = counts.get(pod.title, 0) + count
    named = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    texts = [f"{count} x {name}" if count > 1 else name for name, count in named[:NAMED]]
    more = sum(count for _, count in named[NAMED:])
    return ", ".join([*texts, *([f"{more} more"] if more else [])])


def _about(packing: Packing, single: NodeKind | None, answer: Answer) -> dict[str, Any]:
    return {
        "now": answer.now,
        "data_as_of": answer.data_as_of,
        "risk_basis": answer.risk_basis,
        "usd_per_hour": packing.usd_per_hour,
        "bound_usd_per_hour": packing.bound_usd_per_hour,
        "gap_share": packing.gap,
        "is_optimal": packing.is_optimal,
        "first_fit_usd_per_hour": packing.first_fit_usd_per_hour,
        "placed": sum(node.pod_count for node in packing.nodes),
        "unplaced": [_unplaced(one) for one in packing.unplaced],
        "smallest_single_machine": None
        if single is None
        else {
            "instance_type": single.offering.pool.instance_type,
            "capacity_type": single.offering.capacity_type.value,
            "usd_per_hour": single.usd_per_hour,
        },
    }


def _unplaced(one: Unplaced) -> dict[str, Any]:
    return {
        "pod": one.pod.title,
        "count": one.count,
        "reason": one.reason,
        "remedy": one.remedy,
    }


def _explain(packing: Packing, single: NodeKind | None, answer: Answer, workload: Workload) -> None:
    """Say, for people, what the nodes come to and what must be known about it."""
    note(BASIS_NOTES[answer.risk_basis])
    for text in (*answer.notes, *workload.notes):
        note(text if text.endswith(".") else f"{text}.")
    placed = sum(node.pod_count for node in packing.nodes)
    if packing.nodes:
        proof = (
            "proven to be the least"
            if packing.is_optimal
            else f"at most {100 * packing.gap:.2g}% above the least possible"
        )
        note(
            f"{placed} pods on {len(packing.nodes)} nodes for {packing.usd_per_hour:.4f} USD an "
            f"hour, {proof}; first-fit decreasing alone: {packing.first_fit_usd_per_hour:.4f}."
        )
    unused = [
        f"{one.unused_share:.0%} of {amount_text(one.resource, one.allocatable)} {one.resource}"
        for one in utilisation(packing.nodes)
        if one.unused_share is not None and one.resource != "ephemeral-storage"
    ]
    if unused:
        note(f"Unused: {', '.join(unused)}.")
    if single is not None:
        note(
            f"One {single.offering.pool.instance_type} ({single.offering.capacity_type.value}) "
            f"would hold all of it for {single.usd_per_hour:.4f} USD an hour."
        )
    if packing.without_cost:
        note(
            f"{packing.without_cost} offerings of unknown risk or price were not bought; "
            f"--unknown-risk buys by price alone."
        )
    for one in packing.unplaced:
        note(f"No place for {one.count} x {one.pod.title}: {one.reason}. Mend: {one.remedy}.")


def end(packing: Packing, ranked: Sequence[Ranked], answer: Answer) -> None:
    """End with the code for pods without a place, or for stale data.

    Raises:
        Exit: with that code.
    """
    bought = {(node.offering.pool, node.offering.capacity_type) for node in packing.nodes}
    used = [one for one in ranked if (one.offering.pool, one.offering.capacity_type) in bought]
    stale = [one for one in used if answer.is_stale(one)]
    if stale:
        warn_stale(used, answer)
    if packing.unplaced:
        raise typer.Exit(EXIT_FAILED)
    if stale:
        raise typer.Exit(EXIT_STALE)
