"""What there is to learn from, of both sorts: series of probes and lifetimes of machines."""

from dataclasses import dataclass

import polars as pl

from advisor.risk.dataset import Samples, joined, samples
from advisor.risk.errors import TooFewSamplesError
from advisor.risk.fleet import INSTANCE_LIFETIME
from advisor.risk.lifetimes import samples_of_lifetimes


@dataclass(frozen=True, slots=True)
class Traces:
    """Frames of ticks (`grid.COLUMNS`) and of lifetimes (`machines.LIFETIMES`), None if absent."""

    ticks: pl.DataFrame | None = None
    lifetimes: pl.DataFrame | None = None

    def __add__(self, other: "Traces") -> "Traces":
        """All rows of both; a trace or machine that is in both goes on in the other."""
        return Traces(
            _both(self.ticks, other.ticks),
            _both(self.lifetimes, other.lifetimes),
        )

    @property
    def kinds(self) -> set[str]:
        """The kinds of probe that are there."""
        found = set[str]()
        if self.ticks is not None:
            found |= set(self.ticks["probe_kind"].unique())
        if self.lifetimes is not None and self.lifetimes.height:
            found.add(INSTANCE_LIFETIME)
        return found

    def samples(self) -> Samples:
        """All samples, those of ticks first; a frame without rows counts as absent.

        Raises:
            TicksError: a frame is not what it must be.
            TooFewSamplesError: nothing is ever up.
        """
        parts = list[Samples]()
        if self.ticks is not None and self.ticks.height:
            parts.append(samples(self.ticks))
        if self.lifetimes is not None and self.lifetimes.height:
            parts.append(samples_of_lifetimes(self.lifetimes))
        if not parts:
            raise TooFewSamplesError("traces", "there are neither ticks nor lifetimes")
        return joined(parts)

    def ended(self) -> dict[str, float]:
        """How far each trace is known, as the ``offset_s`` of its samples."""
        ends = dict[str, float]()
        if self.ticks is not None:
            ends |= dict(self.ticks.group_by("trace_id").agg(pl.col("offset_s").max()).iter_rows())
        if self.lifetimes is not None:
            known = pl.max_horizontal("last_alive_utc", "first_dead_utc") - pl.col("start_utc")
            name = pl.concat_str("source", pl.lit("/"), "instance")
            longest = self.lifetimes.group_by(name.alias("trace_id")).agg(
                known.dt.total_microseconds().max()
            )
            ends |= {trace: microseconds / 1e6 for trace, microseconds in longest.iter_rows()}
        return ends


def _both(one: pl.DataFrame | None, other: pl.DataFrame | None) -> pl.DataFrame | None:
    if one is None or other is None:
        return other if one is None else one
    return pl.concat([one, other], how="diagonal_relaxed")
