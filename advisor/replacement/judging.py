"""How likely a node is lost before its replacement would serve, from all that is known of it.

A forecast speaks of a pool, a cloud's word of one machine. They are joined as independent
evidence: 1 - (1 - forecast) x (1 - precision of each word). What may not be believed (a forecast
that is stale, uncertain or without proven skill) adds nothing, so that it never causes an action.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from advisor.replacement.records import Evidence, EvidenceKind, GuardedNode, PoolRisk, Snapshot
from advisor.replacement.settings import GuardSettings
from warehouse.records import Pool

FINAL = frozenset({EvidenceKind.NOTICE, EvidenceKind.EXPIRED, EvidenceKind.PREEMPTION_SCHEDULED})
"""Words that the machine is taken within minutes: there is no time for a replacement first."""

BURST_SIZE = 2
"""One machine is no burst, whatever its share of the pool."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a node is to be replaced; ``probability`` is what may be believed of its loss.

    ``text`` says it with numbers. ``is_emergency``: a final word of its cloud is what decides.
    """

    acts: bool
    probability: float
    text: str
    is_emergency: bool = False


def fresh(
    evidence: Iterable[Evidence], now: datetime, settings: GuardSettings
) -> dict[str, tuple[Evidence, ...]]:
    """What was said of each node and still counts: the newest of each kind, by kind."""
    newest: defaultdict[str, dict[EvidenceKind, Evidence]] = defaultdict(dict)
    for one in sorted(evidence, key=lambda said: said.observed_at):
        if now - one.observed_at <= settings.evidence_for:
            newest[one.node][one.kind] = one
    return {node: tuple(said[kind] for kind in sorted(said)) for node, said in newest.items()}


def bursts(
    snapshot: Snapshot, said: Mapping[str, Sequence[Evidence]], settings: GuardSettings
) -> dict[Pool, str]:
    """Pools that are being taken as a whole, each with what shows it."""
    nodes = [one for one in snapshot.nodes.values() if one.pool is not None and one.is_spot]
    sizes = Counter(one.pool for one in nodes)
    struck = Counter(one.pool for one in nodes if one.name in said)
    return {
        pool: f"{count} of the {sizes[pool]} nodes of its pool have a word of their cloud"
        for pool, count in struck.items()
        if pool and count >= BURST_SIZE and count >= settings.burst_share * sizes[pool]
    }


def judge(
    node: GuardedNode,
    risk: PoolRisk | None,
    said: Sequence[Evidence],
    burst: str | None,
    settings: GuardSettings,
) -> Judgement:
    """Whether the node's loss is likelier than it is worth to wait.

    ``said`` is what counts of it (`fresh`), ``burst`` what shows that its whole pool goes.
    """
    threshold = settings.threshold
    window = settings.lead_time(node.pool.provider if node.pool else "").horizon
    believed, texts = _forecast(risk, window, threshold)
    misses = [1 - believed]
    for one in said:
        precision = settings.precision.get(one.kind, 0.0)
        misses.append(1 - precision)
        texts.append(f"{one.kind} (right in {_share(precision)})")
    if burst and not said:
        misses.append(1 - settings.burst_precision)
        texts.append(f"{burst} (right in {_share(settings.burst_precision)})")
    probability = 1 - math.prod(misses)
    final = [settings.precision.get(one.kind, 0.0) for one in said if one.kind in FINAL]
    acts = probability > threshold
    side = "above" if acts else "not above"
    text = (
        f"P(lost within {minutes_text(window)}) is {_share(probability)}, {side} the "
        f"{_share(threshold)} at which replacing pays: {'; '.join(texts)}"
    )
    return Judgement(acts, probability, text, acts and max(final, default=0.0) > threshold)


def _forecast(
    risk: PoolRisk | None, window: timedelta, threshold: float
) -> tuple[float, list[str]]:
    """What a forecast adds, and the words for it."""
    if risk is None:
        return 0.0, ["its pool has no forecast (unknown is not safe)"]
    said = (
        f"forecast {_share(risk.probability)} ({_share(risk.low)} to {_share(risk.high)}, "
        f"{risk.source})"
    )
    if risk.is_stale:
        return 0.0, [f"{said} is stale and not counted"]
    if not risk.may_act:
        return 0.0, [f"{said} has no proven skill and is not counted"]
    if risk.window < window:
        return 0.0, [f"{said} foresees {minutes_text(risk.window)} only and is not counted"]
    if risk.low <= threshold < risk.probability:
        return 0.0, [f"{said} is uncertain and not counted"]
    return risk.probability, [said]


def _share(share: float) -> str:
    return f"{100 * share:.3g} %"


def minutes_text(window: timedelta) -> str:
    """``9.7 min``."""
    return f"{window / timedelta(minutes=1):.3g} min"
