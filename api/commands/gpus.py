"""``spotcast gpus``: GPU models side by side, and the cheapest way to each, on any cloud."""

from typing import Annotated

import typer

from api.answers import BASIS_NOTES, ask
from api.commands.market import warn_stale
from api.errors import EXIT_STALE
from api.options import Output, Workload, with_workload
from api.output import Column, Format, note, write
from api.rows.gpus import gpu_rows


def _number(value: float) -> str:
    return f"{value:,.4g}"


COLUMNS = (
    Column("model", "GPU"),
    Column("provider", "CLOUD"),
    Column("memory_gb", "GB", _number, is_right=True),
    Column("architecture", "ARCHITECTURE"),
    Column("formats", "IN HARDWARE", is_wide=True),
    Column("tflops", "TFLOPS", _number, is_right=True),
    Column("bandwidth_gb_per_s", "GB/S", _number, is_right=True),
    Column("nvlink_gb_per_s", "NVLINK GB/S", _number, is_right=True),
    Column("usd_per_gpu_hour", "USD/GPU/H", "{:.4f}".format, is_right=True),
    Column("cost_usd_per_gpu_hour", "EXPECTED", "{:.4f}".format, is_right=True),
    Column("cost_usd_per_pflops_hour", "PER PFLOPS", "{:.3f}".format, is_right=True),
    Column("cost_usd_per_tb_s_hour", "PER TB/S", "{:.3f}".format, is_right=True),
    Column("cheapest", "CHEAPEST"),
    Column("source", "SOURCE", is_wide=True),
)


@with_workload
def gpus_command(
    workload: Workload,
    context: typer.Context,
    every: Annotated[
        bool, typer.Option("--all", help="Also list models that nothing in the market has.")
    ] = False,
    output: Output = Format.TABLE,
) -> None:
    """Compare GPU models: data sheet, and the best offering of each on each cloud.

    TFLOPS are dense 16-bit peaks. EXPECTED is the price of one GPU for an hour with the cost of
    interruptions in it, then the same per PFLOPS and per TB/s of memory. Peaks are of data sheets:
    measure your own load.
    """
    answer = ask(context.obj, workload, workload.demand())
    made = gpu_rows(answer, every=every)
    write(output, COLUMNS, made.rows, name="gpus", about={"risk_basis": answer.risk_basis})
    note(BASIS_NOTES[answer.risk_basis])
    for text in made.notes:
        note(text)
    if any(answer.is_stale(one) for one in made.shown):
        warn_stale(made.shown, answer)
        raise typer.Exit(EXIT_STALE)
