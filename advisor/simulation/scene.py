"""All that is the same for every policy of a replay: the trace and what is seen of it."""

from dataclasses import dataclass

from advisor.simulation.availability import Availability, Bools, Floats


@dataclass(frozen=True, slots=True)
class Scene:
    """What the policies act in.

    ``risk_lead`` and ``risk_hour``: P(lost within the cold start, within 1 h), [pool, step], nan
    where unknown; a training job has no cold start and looks at the hour only. ``signals``: when
    a rebalance signal arrives, [pool, step]. ``order``: ties, 0 to 1, [step, pool]. ``prices``:
    of a machine-hour, [pool].
    """

    traces: Availability
    risk_lead: Floats
    risk_hour: Floats
    signals: Bools
    order: Floats
    prices: Floats
