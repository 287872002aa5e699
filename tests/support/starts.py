"""Starts of simulated clusters whose true durations are known."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from advisor.lead_time import Estimate, Part, Spread, Term
from advisor.lead_time_terms import IMAGE_GB, Start, default_terms
from warehouse.records import StartDuration

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
MODEL, IMAGE, TYPE = "hf://a/model", "example.com/vllm:1", "g6e.xlarge"
ASKED = Start(provider="aws", weights_gb=16, instance_type=TYPE, image=IMAGE, model=MODEL)
PARTS = (Part.BOOT, Part.IMAGE, Part.WEIGHTS, Part.ENGINE)


def a_duration(
    part: Part,
    seconds: float,
    *,
    hours_ago: float = 1,
    subject: str = "one",
    **given: object,
) -> StartDuration:
    """One part of a start like `ASKED`."""
    ways = {Part.IMAGE: "eager", Part.WEIGHTS: "storage-initializer"}
    about: dict[str, object] = {
        "provider": "aws",
        "region": "us-east-1",
        "zone": "use1-az4",
        "instance_type": TYPE,
        "image": IMAGE if part in {Part.IMAGE, Part.ENGINE} else None,
        "model": MODEL if part in {Part.WEIGHTS, Part.ENGINE, Part.LOADING} else None,
        "way": ways.get(part),
        "size_gb": IMAGE_GB if part is Part.IMAGE else None,
        "source": "a test",
        "observed_at": NOW - timedelta(hours=hours_ago),
    }
    return StartDuration(
        part=part,
        seconds=seconds,
        subject=subject,
        **{**about, **given},  # type: ignore[arg-type] # fields of the record
    )


@dataclass(frozen=True)
class SimulatedCluster:
    """A cluster where each part has a spread of its own, off the published one."""

    truth: Mapping[Part, Spread]

    @classmethod
    def drawn(cls, random: np.random.Generator) -> "SimulatedCluster":
        """Medians off by a factor of about 1.7 either way, spreads from half to 1.3 times."""
        truth = {}
        for term in default_terms(ASKED):
            middle = term.spread.p50_seconds * float(np.exp(random.normal(0, 0.5)))
            width = term.spread.sigma * float(random.uniform(0.5, 1.3))
            truth[term.part] = Spread(middle, middle * float(np.exp(1.2816 * width)))
        return cls(truth)

    def starts(self, count: int, random: np.random.Generator) -> list[StartDuration]:
        """So many whole starts, all parts of each, over the last days."""
        return [
            a_duration(part, seconds, hours_ago=float(random.uniform(0, 72)), subject=f"{number}")
            for number in range(count)
            for part, seconds in self.drawn_seconds(random).items()
        ]

    def drawn_seconds(self, random: np.random.Generator) -> dict[Part, float]:
        """The parts of one start."""
        return {
            part: spread.p50_seconds * float(np.exp(spread.sigma * random.normal()))
            for part, spread in self.truth.items()
        }

    @property
    def estimate(self) -> Estimate:
        """By the truth."""
        return Estimate(tuple(Term(part, one, "the truth") for part, one in self.truth.items()))
