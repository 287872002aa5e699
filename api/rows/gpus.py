"""GPU models side by side: data sheet, and the best offering of each on each cloud."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from advisor import Ranked, Work
from advisor.gpus import MODELS, GpuModel, model_of, throughput
from api.answers import Answer


@dataclass(frozen=True, slots=True)
class GpuRows:
    """One row per model and cloud, cheapest first, and the offerings that they show."""

    rows: Sequence[dict[str, Any]]
    shown: Sequence[Ranked]
    notes: Sequence[str]


def gpu_rows(answer: Answer, *, every: bool) -> GpuRows:
    """The models that the market has; with ``every`` also those that nothing has."""
    best = _best(answer)
    rows = [_row(model, one) for (model, _), one in best.items()]
    if every:
        had = {model for model, _ in best}
        rows += [_row(model, None) for model in MODELS if model not in had]
    rows.sort(key=_order)
    return GpuRows(rows, list(best.values()), _notes(answer))


def _notes(answer: Answer) -> list[str]:
    unlisted = {
        one.instance_type.gpu_name
        for one in answer.ranking.ranked.offerings
        if one.instance_type.gpu_count and model_of(one.instance_type) is None
    }
    if not unlisted:
        return []
    names = ", ".join(sorted(name or "unnamed" for name in unlisted))
    return [
        f"Not compared, as no data sheet of theirs is known here (or they are slices): {names}."
    ]


def _best(answer: Answer) -> dict[tuple[GpuModel, str], Ranked]:
    """Of each model and cloud the offering of least cost per GPU; a known risk goes first."""
    best: dict[tuple[GpuModel, str], Ranked] = {}
    # Machines of one model, cloud and number of GPUs stand in order: only the first can be best.
    seen = set[tuple[GpuModel, str, int]]()
    ranked = answer.ranking.ranked
    for at, offering in enumerate(ranked.offerings):
        model = model_of(offering.instance_type)
        if model is None or offering.usd_per_hour is None:
            continue
        key = (model, offering.pool.provider)
        if (kind := (*key, offering.instance_type.gpu_count)) in seen:
            continue
        seen.add(kind)
        one = ranked[at]
        if key not in best or _per_gpu(one) < _per_gpu(best[key]):
            best[key] = one
    return best


def _per_gpu(one: Ranked) -> tuple[bool, float]:
    """Whether the risk is unknown, and the expected cost per GPU and hour, else the price."""
    cost = one.cost_usd_per_hour
    usd = (one.offering.usd_per_hour or 0.0) if cost is None else cost
    return cost is None, usd / one.offering.instance_type.gpu_count


def _order(row: dict[str, Any]) -> tuple[bool, float, str]:
    """By what is known: the expected cost or else the price, each per GPU."""
    shown = row["cost_usd_per_gpu_hour"] or row["usd_per_gpu_hour"]
    return shown is None, shown or 0.0, row["model"]


def _row(model: GpuModel, one: Ranked | None) -> dict[str, Any]:
    shape = None if one is None else one.offering.instance_type
    cost = None if one is None else one.cost_usd_per_hour
    usd = None if one is None else one.offering.usd_per_hour

    def per(work: Work) -> float | None:
        amount = None if shape is None else throughput(shape, work)
        return None if cost is None or not amount else 1000 * cost / amount

    return {
        "model": model.name,
        "provider": None if one is None else one.offering.pool.provider,
        "memory_gb": model.memory_gb,
        "architecture": model.architecture.name,
        "formats": " ".join(sorted(model.architecture.formats)),
        "tflops": model.tflops,
        "bandwidth_gb_per_s": model.bandwidth_gb_per_s,
        "nvlink_gb_per_s": model.nvlink_gb_per_s,
        "usd_per_gpu_hour": None if usd is None or shape is None else usd / shape.gpu_count,
        "cost_usd_per_gpu_hour": None if cost is None or shape is None else cost / shape.gpu_count,
        "cost_usd_per_pflops_hour": per(Work.COMPUTE),
        "cost_usd_per_tb_s_hour": per(Work.BANDWIDTH),
        "instance_type": None if shape is None else shape.instance_type,
        "cheapest": None if one is None else _place(one),
        "source": model.source,
    }


def _place(one: Ranked) -> str:
    pool = one.offering.pool
    where = pool.region if pool.zone == "*" else pool.zone
    return f"{pool.instance_type} in {where}"
