"""``spotcast pack``: pods onto the least-cost set of nodes of one region."""

import ctypes
import os
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from advisor.packing import NodeSettings, PackingSettings, Workload, read_pods
from api.answers import ask
from api.choices import tell
from api.commands.market import warn_stale
from api.errors import EXIT_FAILED, EXIT_STALE, UsageError
from api.options import Output, with_fields
from api.options import Workload as WorkloadOptions
from api.output import Column, Format, write
from api.rows.packing import (
    Packed,
    check_one_region,
    label_of,
    node_rows,
    packed,
    packed_about,
    packed_notes,
    taint_of,
)


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
        labels = dict(label_of(text) for text in self.node_label or ())
        taints = tuple(taint_of(text) for text in self.taint or ())
        return PackingSettings(
            node=NodeSettings(
                labels=labels, taints=taints, taint_accelerators=not self.untainted_gpus
            ),
            zones=self.policy.zones,
            architecture=self.demand().architecture or "amd64",
            time_limit=timedelta(seconds=self.time_limit),
        )


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
    check_one_region(options.policy)
    workload = _workload(files, options.daemonsets or ())
    answer = ask(context.obj, options, options.demand(), with_on_demand=not options.spot_only)
    with solver_off_stdout():
        made = packed(workload, answer, options.settings(), by_price=options.unknown_risk)
    rows = node_rows(made.packing)
    write(output, COLUMNS, rows, name="nodes", about=packed_about(made))
    tell(list(packed_notes(made)))
    end(made)


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


def end(made: Packed) -> None:
    """End with the code for pods without a place, or for stale data.

    Raises:
        Exit: with that code.
    """
    if made.is_stale:
        warn_stale(made.used, made.answer)
    if made.packing.unplaced:
        raise typer.Exit(EXIT_FAILED)
    if made.is_stale:
        raise typer.Exit(EXIT_STALE)
