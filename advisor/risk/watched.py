"""Pools as they are known at one moment, whoever watched them: probes or the user's own fleet."""

from collections.abc import Sequence
from dataclasses import dataclass

from advisor.risk.evidence import Evidence
from advisor.risk.grid import Floats, GridPool
from warehouse.records import Pool


@dataclass(frozen=True, slots=True)
class Watched:
    """Pools side by side as they are known at one moment; one row each."""

    probe_kind: str
    pools: tuple[GridPool, ...]
    evidence: Evidence
    evidence_until_s: Floats
    """Seconds since 1970 of the newest observation; nan for a pool that never had one itself."""


def neighbors_of(watched: Sequence[GridPool], market: Sequence[Pool]) -> list[GridPool]:
    """Pools of the market that are not watched but share type and region with one that is."""
    own = {(pool.provider, pool.zone, pool.instance_type) for pool in watched}
    types = {(pool.provider, pool.region, pool.instance_type) for pool in watched}
    return [
        GridPool(pool.provider, pool.region, pool.zone, pool.instance_type, 1)
        for pool in market
        if (pool.provider, pool.region, pool.instance_type) in types
        and (pool.provider, pool.zone, pool.instance_type) not in own
    ]
