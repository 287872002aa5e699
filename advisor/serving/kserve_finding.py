"""What a check of a served model says, and what it is given to look at."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from advisor.serving.kserve_demand import ServiceDemand
from advisor.serving.kserve_objects import Objects
from advisor.serving.service import Service
from warehouse.records import Offering


class Severity(StrEnum):
    """How much a finding hurts."""

    ERROR = "error"
    """It does not start, is refused, or lies about being ready."""
    WARNING = "warning"
    """It starts, and fails its users when the cloud takes a machine."""
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend: ``place`` is the path in the manifest, ``fix`` one sentence."""

    id: str
    severity: Severity
    service: str
    place: str
    why: str
    fix: str
    is_mended: bool = True
    """Whether the baseline patch mends it; the others need a person."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A service with what is known around it.

    ``provider`` None is not known. ``offerings`` are the machines that could be bought, None if
    nobody was asked. ``cold_start_seconds`` is the median from the order of a machine to the first
    answer, ``load_seconds`` from the container's start; None if the model's size is not known.
    """

    service: Service
    need: ServiceDemand
    objects: Objects
    provider: str | None = None
    offerings: Sequence[Offering] | None = None
    cold_start_seconds: float | None = None
    load_seconds: float | None = None

    def finding(
        self, name: str, severity: Severity, place: str, why: str, fix: str, *, mended: bool = True
    ) -> Finding:
        """A finding about the service."""
        return Finding(f"KSERVE-{name}", severity, self.service.title, place, why, fix, mended)
