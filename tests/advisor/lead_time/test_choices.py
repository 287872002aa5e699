"""What accelerations are offered for a start, and what they leave to be foreseen."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.hazards import NOTICE
from advisor.lead_time import ImagePull, Part, WeightLoad
from advisor.lead_time_choices import ASKED, BEST, BEST_WARM, Choice, choices
from advisor.lead_time_terms import BOOT, Start
from tests.support.starts import NOW, a_duration

DRAIN = timedelta(seconds=15)

starts = st.builds(
    Start,
    provider=st.sampled_from(sorted(BOOT)),
    weights_gb=st.floats(1, 700),
    image_gb=st.floats(0.5, 30),
    image_pull=st.sampled_from(ImagePull),
    weight_load=st.sampled_from(WeightLoad),
    has_warm_node=st.booleans(),
    has_warm_cache=st.booleans(),
    has_compile_cache=st.booleans(),
    enforces_eager=st.booleans(),
)


def by_name(start: Start) -> dict[str, Choice]:
    found = choices(start, [], NOW, drain=DRAIN)
    assert len({one.name for one in found}) == len(found)
    return {one.name: one for one in found}


@settings(max_examples=60, deadline=None)
@given(start=starts)
def test_each_choice_is_another_start_and_none_beats_the_fastest(start: Start) -> None:
    found = by_name(start)

    assert found.pop(ASKED).start == start
    assert start not in [one.start for one in found.values()]
    times = {name: one.p95_seconds for name, one in found.items()}
    fastest = times.get(BEST_WARM, times.get(BEST))
    if fastest is not None:
        assert fastest <= min(times.values()) + 1e-9


@settings(max_examples=30, deadline=None)
@given(start=starts, seconds=st.floats(0, 3600))
def test_what_must_be_foreseen_is_the_p95_and_the_drain_less_the_notice(
    start: Start, seconds: float
) -> None:
    drain = timedelta(seconds=seconds)

    for one in choices(start, [], NOW, drain=drain):
        left = one.p95_seconds + seconds - NOTICE[start.provider].total_seconds()
        assert one.lead.horizon.total_seconds() == pytest.approx(max(0, left), abs=1e-3)


def test_a_way_that_a_cloud_lacks_is_not_offered() -> None:
    assert not any("soci" in name for name in by_name(Start(provider="gcp", weights_gb=16)))
    assert "image: soci" in by_name(Start(provider="aws", weights_gb=16))


def test_what_was_learned_of_the_machine_holds_for_every_choice() -> None:
    seen = [a_duration(Part.BOOT, 300, subject=f"{n}") for n in range(60)]
    start = Start(provider="aws", weights_gb=16)

    for one in choices(start, seen, NOW, drain=DRAIN):
        boot = one.estimate.term(Part.BOOT)
        assert one.start.has_warm_node or (boot is not None and boot.spread.p50_seconds > 250)
