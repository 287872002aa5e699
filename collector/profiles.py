"""Workload profiles: the requests whose placement scores are asked for, always the same.

A placement score answers one request (types, count, places) and no other; clouds limit how many
different ones an account may ask in a day. So a user declares a few, and each is asked unchanged.
"""

import hashlib
import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class WorkloadProfile:
    """One request of a user's workload, in one cloud.

    ``count`` is in machines. ``regions`` empty means the provider's default regions.
    ``is_zonal`` asks for a score per zone instead of per region.
    """

    name: str
    provider: str
    instance_types: tuple[str, ...]
    count: int
    regions: tuple[str, ...] = ()
    is_zonal: bool = True

    @property
    def fingerprint(self) -> str:
        """Twelve hex digits that are equal for equal requests, whatever they are called."""
        asked = {**asdict(self), "name": ""}
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:12]
