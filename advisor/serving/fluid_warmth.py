"""Is a model's cache warm in a zone, and if not, why not.

No object of Fluid says so; it is put together, and what cannot be told is not warm:

- `cachedPercentage` is a text that means another thing with each runtime. Jindo's counts the
  copies and stops at 100 %, so that half a model in two copies reads as all of it; Alluxio's counts
  them and goes on to 200 %. JuiceFS' community edition gives the mean of the clients' own caches,
  which a new node does not have. Thin says N/A, Vineyard gives the share of its capacity.
- A node's label `fluid.io/s-...` tells that a worker was put there, not that it is Ready, nor
  that it holds anything.
- A DataLoad that ended before the last worker came did not fill that worker.

Read in Fluid v1.0.8: `pkg/ddc/{jindocache,alluxio,juicefs,vineyard}/cache.go`,
`pkg/ddc/thin/status.go`, `pkg/utils/dataset/lifecycle/node.go`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from advisor.replacement.records import Warmth
from advisor.serving.fluid_state import BOUND, DatasetState, Load, Worker

CACHED_SHARE = 0.99
"""What must be cached of each copy: sizes are rounded to 1 %."""

COUNTS_COPIES = frozenset({"jindo", "alluxio"})
"""Runtimes whose loads make as many copies as are asked for, and count them all as cached."""
JUICEFS = "juicefs"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How warm, and why, as a sentence without its full stop."""

    warmth: Warmth
    why: str


@dataclass(frozen=True, slots=True)
class CacheState:
    """A Dataset with the DataLoads of the whole of it, and the pods of its workers."""

    dataset: DatasetState
    loads: Sequence[Load] = ()
    workers: Sequence[Worker] = ()

    @property
    def last_load(self) -> Load | None:
        """The DataLoad that was completed last."""
        ended = [one for one in self.loads if one.ended_at is not None]
        return max(ended, key=lambda one: (one.ended_at, one.copies), default=None)


def zone_verdict(state: CacheState, zone: str) -> Verdict:
    """Whether a node in that zone finds the whole model cached there.

    UNKNOWN where the runtime never tells, WARMING where something is still to come.
    """
    if why := _untold(state.dataset):
        return Verdict(Warmth.UNKNOWN, why)
    why = _unbound(state.dataset) or _unstaffed(state, zone)
    load = state.last_load
    if load is None:
        return Verdict(Warmth.WARMING, why or _unloaded(state.loads))
    why = why or _outdated(load, state.workers)
    why = why or _unfilled(state.dataset, load, state.workers) or _elsewhere(state, load, zone)
    if why:
        return Verdict(Warmth.WARMING, why)
    return Verdict(Warmth.WARM, f"loaded by DataLoad {load.name}")


def node_verdict(state: CacheState, node: str, zone: str) -> Verdict:
    """Whether the node itself holds a part of the cache, in a zone that is warm."""
    verdict = zone_verdict(state, zone)
    if verdict.warmth is Warmth.WARM and not any(
        one.node == node and one.ready_since for one in state.workers
    ):
        return Verdict(Warmth.WARMING, f"its zone is warm, but no cache worker is on {node}")
    return verdict


def _untold(dataset: DatasetState) -> str | None:
    """Why nothing that this Dataset says can prove it to be warm."""
    if dataset.phase == BOUND and dataset.runtime is None:
        return "it has no runtime, or several"
    if dataset.runtime == JUICEFS and dataset.is_community:
        return (
            "with JuiceFS' community edition each node fills a cache of its own, and Fluid tells "
            "only the mean of them"
        )
    if dataset.runtime is not None and dataset.runtime not in {*COUNTS_COPIES, JUICEFS}:
        return f"its runtime, {dataset.runtime}, does not tell how much of the data is cached"
    return None


def _unbound(dataset: DatasetState) -> str | None:
    if dataset.phase != BOUND:
        return f"the Dataset is not bound yet (phase {dataset.phase or 'unset'})"
    return None if dataset.is_ready else "the Dataset's condition Ready is not True"


def _unstaffed(state: CacheState, zone: str) -> str | None:
    here = [one for one in state.workers if one.zone == zone]
    if not here:
        elsewhere = sorted({one.zone for one in state.workers if one.zone})
        return f"no cache worker is in {zone} (but in {', '.join(elsewhere) or 'no zone'})"
    ready = [one for one in here if one.ready_since]
    if not ready:
        return f"no cache worker in {zone} is Ready"
    if not any(one.is_labelled for one in ready):
        return f"no node in {zone} bears the label {state.dataset.label}"
    return None


def _unloaded(loads: Sequence[Load]) -> str:
    if not loads:
        return "no DataLoad of the whole Dataset is there"
    told = ", ".join(f"{one.name} is {one.phase or 'not begun'}" for one in loads)
    return f"no DataLoad is complete yet ({told})"


def _outdated(load: Load, workers: Sequence[Worker]) -> str | None:
    changed = max((one.ready_since for one in workers if one.ready_since), default=None)
    if changed is None or load.ended_at is None or changed < load.ended_at:
        return None
    return f"a worker became Ready after DataLoad {load.name} had ended: load once more"


def _unfilled(dataset: DatasetState, load: Load, workers: Sequence[Worker]) -> str | None:
    """Why too little is cached, of all copies together where they are counted."""
    if dataset.total_bytes is None:
        return "Fluid has not counted the data yet (ufsTotal)"
    if dataset.cached_share is None:
        return "Fluid does not tell how much is cached"
    if dataset.cached_share < CACHED_SHARE:
        return f"{dataset.cached_share:.1%} is cached"
    copies = min(load.copies, len(workers)) if dataset.runtime in COUNTS_COPIES else 1
    if dataset.cached_bytes is not None:
        held = dataset.cached_bytes / dataset.total_bytes if dataset.total_bytes else 0.0
        if held < CACHED_SHARE * copies:
            return f"{held:.2g} of {copies} copies are cached, whatever the percentage says"
    return None


def _elsewhere(state: CacheState, load: Load, zone: str) -> str | None:
    """Why a block may be in other zones alone.

    The copies of a block are on as many workers; only if fewer workers than copies are outside
    the zone, each block is also in it.
    """
    copies = load.copies if state.dataset.runtime in COUNTS_COPIES else 1
    outside = sum(one.zone != zone for one in state.workers)
    if outside < copies:
        return None
    return (
        f"{copies} copies may all be on the {outside} workers outside {zone}: "
        "load as many copies as there are workers"
        if state.dataset.runtime in COUNTS_COPIES
        else f"one copy is spread over all workers, {outside} of them outside {zone}"
    )
