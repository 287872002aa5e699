"""Markets, demands and policies for tests of what ranks them, with some of everything unknown."""

import math
from datetime import timedelta

from hypothesis import strategies as st

from advisor import Demand, Hazard, Policy, Work
from tests.support.market import NOW, a_pool, a_shape, an_offering
from warehouse.records import Offering

WINDOWS = (15, 60, 360, 1440)
GPUS = (("T4", 16.0), ("A10G", 22.35), ("A100", 80.0), ("H100", None), (None, None))
ZONES = (("use1-az4", "us-east-1"), ("use1-az6", "us-east-1"), ("*", "eu-west-1"))

Gpu = tuple[str | None, float | None]


def _one(name: str, zone: tuple[str, str], gpu: Gpu, count: int, usd: float | None) -> Offering:
    shape = a_shape(
        f"{name}.xlarge",
        gpu_name=gpu[0],
        gpu_count=count if gpu[0] else 0,
        gpu_memory_gib=gpu[1],
    )
    return an_offering(usd, pool=a_pool(f"{name}.xlarge", *zone), shape=shape)


one_offering = st.builds(
    _one,
    st.sampled_from(["g5", "g6", "p4d", "m7i"]),
    st.sampled_from(ZONES),
    st.sampled_from(GPUS),
    st.sampled_from([1, 8]),
    st.none() | st.floats(0.01, 50),
)
markets = st.lists(one_offering, max_size=12, unique_by=lambda one: one.pool)
demands = st.builds(
    Demand,
    gpus=st.none() | st.sampled_from([1, 8]),
    gpu_memory_min_gib=st.none() | st.sampled_from([16.0, 40.0]),
    precision=st.none() | st.sampled_from(["fp16", "bf16", "fp8"]),
    nvlink=st.booleans(),
    interruption_cost_usd=st.sampled_from([0.0, 3.0]),
    lead_time=st.none() | st.sampled_from([timedelta(minutes=40), timedelta(hours=30)]),
    work=st.sampled_from(Work),
)
policies = st.builds(
    Policy,
    regions=st.sampled_from([(), ("us-east-1",)]),
    zones=st.sampled_from([(), ("use1-az4",)]),
    types=st.sampled_from([(), ("g?.*", "p4d.xlarge")]),
    types_not=st.sampled_from([(), ("g5.*",)]),
    max_usd_per_hour=st.none() | st.floats(0.01, 50),
)


def a_forecast(per_hour: float, minutes: int) -> Hazard:
    """A forecast of a constant hazard, with an interval from a third of it to its double."""
    share = -math.expm1(-per_hour * minutes / 60)
    return Hazard(
        per_hour=per_hour,
        low_per_hour=per_hour / 3,
        high_per_hour=2 * per_hour,
        share_low=share / 3,
        share_high=share,
        definition="spotcast.forecast",
        source="test",
        observed_at=NOW,
        horizon=timedelta(minutes=minutes),
        share=share,
    )
