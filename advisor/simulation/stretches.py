"""The parts of real traces that are replayed: chosen pools, watched without a break.

A forecast may know all pools that were watched; machines are held in the chosen ones only. A
stretch begins where its first forecast was asked for: before that every policy would be blind.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from advisor.risk.grid import Bools, Timeline, Trace
from advisor.risk.horizons import HORIZONS_MINUTES
from advisor.simulation.availability import Availability, pool_name, spans
from advisor.simulation.decayed_rate import Forecasts
from advisor.simulation.out_of_sample import Forecasted


@dataclass(frozen=True, slots=True)
class Selection:
    """Which traces are replayed; an empty field takes all. ``types`` are patterns (``p3.*``)."""

    campaigns: tuple[str, ...] = ()
    probe_kinds: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    types: tuple[str, ...] = ()

    def takes(self, trace: Trace, probe_kind: str) -> bool:
        """Whether a trace of this kind of probe is chosen."""
        pool = trace.pool
        return (
            (not self.campaigns or trace.campaign in self.campaigns)
            and (not self.probe_kinds or probe_kind in self.probe_kinds)
            and (not self.zones or pool.zone in self.zones)
            and (not self.types or any(fnmatchcase(pool.instance_type, one) for one in self.types))
        )


@dataclass(frozen=True, slots=True)
class Stretch:
    """One replay: pools of one campaign from the first forecast on, watched without a break.

    ``began_s`` is the time of its first step, seconds since 1970. The value of ``forecasts`` at a
    step knows the trace up to it, no more; see `replay_traces.replay`.
    """

    campaign: str
    probe_kind: str
    began_s: float
    traces: Availability
    forecasts: Forecasts


@dataclass(frozen=True, slots=True)
class Cut:
    """Stretches in order of time. ``skipped``: steps of each campaign before any forecast."""

    stretches: tuple[Stretch, ...]
    skipped: Mapping[str, int]


def cut(given: Sequence[Forecasted], selection: Selection) -> Cut:
    """The stretches that can be replayed, of the chosen traces."""
    found, skipped = list[Stretch](), dict[str, int]()
    for one in given:
        kind = one.line.probe_kind
        chosen = [trace for trace in one.line.traces if selection.takes(trace, kind)]
        for campaign in dict.fromkeys(trace.campaign for trace in chosen):
            watched = _watched(one.line, campaign, selection)
            for span in spans(watched):
                asked = np.flatnonzero((one.asked & watched)[span].any(axis=1))
                before = int(asked[0]) if asked.size else span.stop - span.start
                skipped[campaign] = skipped.get(campaign, 0) + before
                if asked.size:
                    rest = slice(span.start + before, span.stop)
                    found.append(_stretch(one, campaign, watched, rest))
    return Cut(tuple(sorted(found, key=lambda stretch: stretch.began_s)), skipped)


def _watched(line: Timeline, campaign: str, selection: Selection) -> Bools:
    """Where a chosen trace of a campaign is known, [time, pool]."""
    # The last place stands for no trace: -1.
    chosen = [
        trace.campaign == campaign and selection.takes(trace, line.probe_kind)
        for trace in line.traces
    ]
    watched: Bools = line.known & np.array([*chosen, False])[line.trace]
    return watched


def _stretch(one: Forecasted, campaign: str, watched: Bools, span: slice) -> Stretch:
    line = one.line
    columns = np.flatnonzero(watched[span].any(axis=0))
    live = (line.up & watched)[span][:, columns]
    return Stretch(
        campaign=campaign,
        probe_kind=line.probe_kind,
        began_s=float(line.time_s[span.start]),
        traces=Availability(tuple(pool_name(line.pools[at]) for at in columns), live.T),
        forecasts={
            minutes: np.where(live, one.probability[place][span][:, columns], np.nan).T
            for place, minutes in enumerate(HORIZONS_MINUTES)
        },
    )
