"""Labelled samples of single machines: "up at t: interrupted within h?", from their lifetimes.

Three things end the watching of a machine without an interruption, and they are not alike:

- What is known ahead (the end of the study; GCP's limit of 24 hours, by the machine's age) drops
  every window that crosses it, whatever was seen. If only the windows with a loss were kept, as
  their outcome is known, the share of losses among the windows that are left would be too high.
  A window may cross the limit by less than a grid step, so that a machine's first point keeps
  its 24 hours; it counts up to the limit.
- A stop by the user is not known ahead. The windows that it cuts have no label (nan), those before
  it are whole. A loss in a cut window would have been kept, so long windows lean to losses where
  users stop many machines: where a third of 460 were stopped, .0186 of the windows of 1 h against
  .0185 by the product limit, .079 against .078 at 6 h, .40 against .36 at 24 h. The age curve,
  from one step at a time, has no such fault. If users stop what is about to be lost, no log tells.
- A machine that is not seen any more without an end has no label after its last sign of life.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from advisor.risk.dataset import Samples, joined
from advisor.risk.errors import TicksError, TooFewSamplesError
from advisor.risk.evidence import concatenate
from advisor.risk.fleet import INSTANCE_LIFETIME, MachineRows, evidence_of_machines
from advisor.risk.grid import LONGEST_CARRY_S, STEP_S, Floats, Trace
from advisor.risk.horizons import HORIZONS_MINUTES
from advisor.risk.machines import Machines, machines_of


def samples_of_lifetimes(lifetimes: pl.DataFrame) -> Samples:
    """All samples of a frame of lifetimes, by source (the earliest first), time, pool and start.

    A source is a study of its own: its pools are siblings, and its end is the newest time in it.
    Each machine is a trace; ``offset_s`` is its age.

    Args:
        lifetimes: one row per machine, columns `machines.LIFETIMES`.

    Raises:
        TicksError: a column is missing, or a row cannot be true.
        TooFewSamplesError: no machine is up at any grid point.
    """
    if "source" not in lifetimes.columns:
        raise TicksError("lifetimes", "columns missing: source")
    studies = [
        (str(rows["source"][0]), machines_of(rows))
        for rows in lifetimes.partition_by("source", maintain_order=True)
    ]
    studies.sort(key=lambda one: (one[1].start_s.min(), one[0]))
    made = [_samples_of_study(name, machines) for name, machines in studies]
    if not any(one.rows for one in made if one is not None):
        raise TooFewSamplesError("lifetimes", "no machine is up at any point of 5 minutes")
    return joined([one for one in made if one is not None])


def _samples_of_study(name: str, machines: Machines) -> Samples | None:
    """The samples of one source; None if no machine of it is up at any grid point."""
    blocks = list(evidence_of_machines(machines))
    if not blocks:
        return None
    machine = np.concatenate([block.machine for block in blocks])
    time_s = np.concatenate([block.time_s for block in blocks])
    return Samples(
        evidence=concatenate([block.evidence for block in blocks]),
        label=np.stack([_lost_within(machines, blocks, 60.0 * one) for one in HORIZONS_MINUTES]),
        dropped_next=_lost_within(machines, blocks, STEP_S),
        kind=np.zeros(machine.size, dtype=np.int64),
        trace=machine,
        pool=machines.pool[machine],
        time_s=time_s,
        offset_s=time_s - machines.start_s[machine],
        kinds=(INSTANCE_LIFETIME,),
        traces=tuple(
            Trace(trace_id, name, machines.pools[pool], -start)
            for trace_id, pool, start in zip(
                machines.trace_ids, machines.pool.tolist(), machines.start_s.tolist(), strict=True
            )
        ),
        pools=machines.pools,
    )


def _lost_within(machines: Machines, blocks: Sequence[MachineRows], horizon_s: float) -> Floats:
    """Whether each row is lost in the window after it; nan if that is not known."""
    return np.concatenate([_label(machines, block, block.time_s + horizon_s) for block in blocks])


def _label(machines: Machines, rows: MachineRows, end_s: Floats) -> Floats:
    """The label of windows that end at ``end_s``, one per row."""
    machine = rows.machine
    cap, gone, alive = (one[machine] for one in (machines.cap_s, machines.gone_s, machines.alive_s))
    lost = machines.is_lost[machine]
    whole = (end_s < cap + STEP_S) & (end_s <= machines.until_s)
    end = np.minimum(end_s, cap)
    # Until its end a machine was not lost, unless the loss came somewhere in a long silence.
    ended = np.isfinite(gone) & ~(lost & (gone - alive > LONGEST_CARRY_S))
    survived = np.where(ended, end < gone, end <= alive)
    label = np.where(lost & (gone <= end), 1.0, np.where(survived, 0.0, np.nan))
    return np.where(whole, label, np.nan)
