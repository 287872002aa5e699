"""NodeOverlays: each spot pool has at most one premium, and never too small a one."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.errors import ManifestError
from advisor.karpenter.nodeoverlay import (
    OverlaySettings,
    Premium,
    node_overlays,
    percent_of,
    premium,
)
from advisor.karpenter.stale_overlays import Removal, overlays_to_remove
from tests.support.karpenter import TYPES, ZONES, overlay_premiums, overlay_settings, overlays
from tests.support.offerings import NOW, offering
from warehouse.records import REGIONAL, CapacityType

SETTINGS = OverlaySettings(name="risk")
PRICE_ADJUSTMENT = re.compile(
    r"^(([+-]{1}(\d*\.?\d+))|(\+{1}\d*\.?\d+%)|(^(-\d{1,2}(\.\d+)?%)$)|(-100%))$"
)
"""The CRD's own pattern of spec.priceAdjustment."""
ZONE_KEYS = {"topology.kubernetes.io/zone", "topology.k8s.aws/zone-id"}

drawn = st.sampled_from(["aws", "azure"]).flatmap(
    lambda provider: st.tuples(st.just(provider), overlay_premiums(provider))
)


def matches(overlay: dict[str, Any], instance_type: str, zone: str, kind: str = "spot") -> bool:
    """Whether Karpenter would reprice this offering by the overlay."""
    labels = {
        "node.kubernetes.io/instance-type": instance_type,
        "karpenter.sh/capacity-type": kind,
        **dict.fromkeys(ZONE_KEYS, zone),
    }
    return all(
        (labels[one["key"]] in one["values"]) == (one["operator"] == "In")
        for one in overlay["spec"]["requirements"]
        if one["key"] != "karpenter.sh/nodepool"
    )


def percent(overlay: dict[str, Any]) -> float:
    return float(overlay["spec"]["priceAdjustment"].strip("+%"))


@settings(max_examples=200, deadline=None)
@given(drawn, overlay_settings)
def test_no_offering_is_touched_by_two_overlays_and_none_but_spot_by_any(
    given_premiums: tuple[str, list[Premium]], given_settings: OverlaySettings
) -> None:
    provider, premiums = given_premiums
    manifests = overlays(premiums, given_settings)
    zones = {zone for kind in ZONES[provider] for zone in kind} - {REGIONAL} | {"elsewhere"}

    for instance_type, zone in product(TYPES[provider], zones):
        assert sum(matches(one, instance_type, zone) for one in manifests) <= 1
        assert not any(matches(one, instance_type, zone, "on-demand") for one in manifests)


@settings(max_examples=100, deadline=None)
@given(drawn, st.sampled_from([0.001, 0.05, 0.25]))
def test_the_overlaid_price_is_the_expected_cost_rounded_up_within_a_band(
    given_premiums: tuple[str, list[Premium]], band: float
) -> None:
    premiums = given_premiums[1]
    manifests = overlays(premiums, OverlaySettings(name="risk", band_share=band))

    unknown, known = [], [0.0]
    for one in premiums:
        zone = "elsewhere" if one.offering.pool.zone == REGIONAL else one.offering.pool.zone
        told = [percent(o) for o in manifests if matches(o, one.offering.pool.instance_type, zone)]
        if one.share is None:
            unknown += told
            continue
        known += told
        assert len(told) == (1 if one.share > 0 else 0)
        for added in told:
            assert one.share <= added / 100 + 1e-9
            assert 1 + added / 100 <= (1 + one.share) * (1 + band) + 0.001 + 1e-9
    assert len(unknown) == sum(one.share is None for one in premiums)
    assert all(added > max(known) for added in unknown)


@settings(max_examples=100, deadline=None)
@given(drawn, overlay_settings)
def test_the_text_of_a_premium_is_one_that_the_crd_takes(
    given_premiums: tuple[str, list[Premium]], given_settings: OverlaySettings
) -> None:
    manifests = overlays(given_premiums[1], given_settings)

    names = [one["metadata"]["name"] for one in manifests]
    assert len(set(names)) == len(names)
    for one in manifests:
        text = one["spec"]["priceAdjustment"]
        assert PRICE_ADJUSTMENT.fullmatch(text)
        assert re.fullmatch(r"\+\d+\.\d%", text)
        assert len(one["spec"]["requirements"]) <= 4


@given(st.floats(0, 10_000), st.floats(0, 10_000), st.sampled_from([0.001, 0.05, 0.25]))
def test_a_higher_risk_never_has_a_lower_premium(one: float, other: float, band: float) -> None:
    low, high = sorted([one, other])

    assert percent_of(low, band) <= percent_of(high, band)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0.0"),
        (0.0001, "0.1"),
        (0.0015, "0.2"),
        (0.03, "5.0"),
        (0.05, "5.0"),
        (0.051, "10.3"),
        (1.0, "107.9"),
    ],
)
def test_premiums_are_rounded_up_to_bands(share: float, text: str) -> None:
    assert str(percent_of(share, 0.05)) == text


def test_up_to_twice_the_price_takes_twenty_bands() -> None:
    assert len({percent_of(step / 10_000, 0.05) for step in range(1, 10_001)}) == 20


def test_the_premium_makes_the_price_the_expected_cost() -> None:
    chosen = offering("g5.xlarge")

    assert premium(chosen, 1.25).share == pytest.approx(0.25)
    assert premium(chosen, 0.5).share == 0.0
    assert premium(chosen, None).share is None


def test_an_unknown_risk_is_dearer_than_all_known_ones_or_has_the_premium_that_was_set() -> None:
    cheap = replace(offering("g6.xlarge", "use1-az4"), usd_per_hour=0.1)
    premiums = [
        Premium(offering("g5.xlarge", "use1-az4"), 0.01),
        Premium(offering("g5.xlarge", "use1-az6"), 0.3),
        Premium(cheap, None),
    ]

    def told(given_settings: OverlaySettings) -> float:
        found = overlays(premiums, given_settings)
        return next(percent(one) for one in found if matches(one, "g6.xlarge", "use1-az4"))

    dearest = max(percent(one) for one in overlays(premiums[:2], SETTINGS))
    assert 0.1 * (1 + told(SETTINGS) / 100) > 1.0 * (1 + dearest / 100)
    assert told(OverlaySettings(name="risk", unknown_share=1.0)) == percent_of_float(1.0)


def percent_of_float(share: float) -> float:
    return float(percent_of(share, 0.05))


def test_a_regional_premium_holds_in_the_zones_that_have_none_of_their_own() -> None:
    premiums = [
        Premium(offering("Standard_A", provider="azure"), 0.5),
        Premium(offering("Standard_A", "westus2-1", provider="azure"), 0.01),
    ]

    low, high = overlays(premiums, SETTINGS)

    assert [matches(low, "Standard_A", f"westus2-{n}") for n in (1, 2)] == [True, False]
    assert [matches(high, "Standard_A", f"westus2-{n}") for n in (1, 2)] == [False, True]


def test_prices_can_be_for_some_nodepools_only() -> None:
    premiums = [Premium(offering("g5.xlarge", "use1-az4"), 0.1)]

    (overlay,) = overlays(premiums, OverlaySettings(name="risk", nodepools=("gpu", "batch")))

    assert overlay["spec"]["requirements"][0] == {
        "key": "karpenter.sh/nodepool",
        "operator": "In",
        "values": ["gpu", "batch"],
    }


@pytest.mark.parametrize(
    ("premiums", "complaint"),
    [
        ([], "no offering was chosen"),
        ([Premium(offering("g2-standard-4", provider="gcp"), 0.1)], "never asks for the price"),
        ([Premium(offering("ecs.gn6i.x", provider="alibaba"), 0.1)], "has no NodeOverlay"),
        ([Premium(offering("g5.xlarge"), None)], "the risk of every pool is unknown"),
        ([Premium(offering("g5.xlarge"), 0.1)] * 2, "a pool is given twice"),
        (
            [Premium(offering("g5.xlarge", capacity_type=CapacityType.ON_DEMAND), 0.1)],
            "is not a spot offering",
        ),
        (
            [
                Premium(offering("g5.xlarge", "use1-az4"), 0.1),
                Premium(offering("g6.xlarge", "us-east-1a"), 0.2),
            ],
            "are mixed",
        ),
    ],
)
def test_overlays_that_would_do_nothing_or_harm_are_refused(
    premiums: list[Premium], complaint: str
) -> None:
    with pytest.raises(ManifestError, match=complaint):
        overlays(premiums, SETTINGS)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"name": "Risk"}, "'Risk' is no name"),
        ({"nodepools": ("GPU",)}, "'GPU' is no name"),
        ({"band_share": 0.0}, "below 0.001"),
        ({"band_share": float("nan")}, "below 0.001"),
        ({"unknown_share": -0.1}, "is not 0 or more"),
        ({"weight": 0}, "0 is not 1 to 10000"),
    ],
)
def test_settings_that_no_overlay_could_have_are_refused(
    changed: dict[str, Any], complaint: str
) -> None:
    plain: dict[str, Any] = {"name": "risk"}

    with pytest.raises(ManifestError, match=complaint):
        OverlaySettings(**(plain | changed))


@pytest.mark.parametrize("share", [-0.1, float("nan"), float("inf")])
def test_a_premium_that_is_no_share_is_refused(share: float) -> None:
    with pytest.raises(ManifestError, match="is no share"):
        Premium(offering("g5.xlarge"), share)


def written(name: str = "risk") -> list[dict[str, Any]]:
    premiums = [
        Premium(offering("g5.xlarge", "use1-az4"), 0.01),
        Premium(offering("g6.xlarge", "use1-az6"), 0.3),
    ]
    return overlays(premiums, OverlaySettings(name=name))


def test_overlays_that_have_outlived_their_data_are_to_be_deleted() -> None:
    found = written()

    assert overlays_to_remove(found, NOW + timedelta(hours=23)) == []
    assert overlays_to_remove(found, NOW + timedelta(hours=24)) == [
        Removal("risk-1.0", "held until 2026-11-02T00:00:00Z"),
        Removal("risk-34.1", "held until 2026-11-02T00:00:00Z"),
    ]


def test_overlays_of_the_set_that_are_not_wanted_any_more_are_to_be_deleted() -> None:
    found, others = written(), written("batch")

    removals = overlays_to_remove([*found, *others], NOW, overlay_set="risk", wanted=found[1:])

    assert removals == [Removal("risk-1.0", "not wanted any more")]
    assert len(overlays_to_remove([*found, *others], NOW, overlay_set="risk")) == 2


def test_an_overlay_that_is_about_to_be_written_anew_stays() -> None:
    found = written()
    late = NOW + timedelta(days=9)

    assert overlays_to_remove(found, late, overlay_set="risk", wanted=found) == []


@pytest.mark.parametrize("told", [None, "soon", "2026-11-01T00:00:00"])
def test_an_overlay_of_ours_that_says_not_how_long_it_holds_is_to_be_deleted(
    told: str | None,
) -> None:
    (overlay, _) = written()
    overlay["metadata"]["annotations"]["spotcast.io/expires-at"] = told

    assert [one.name for one in overlays_to_remove([overlay], NOW)] == ["risk-1.0"]


@pytest.mark.parametrize(
    "changed",
    [
        {"metadata": {"name": "mine"}},
        {"metadata": {"name": "x", "labels": {"app.kubernetes.io/managed-by": "helm"}}},
        {"kind": "NodePool"},
    ],
)
def test_what_is_not_ours_is_left_alone(changed: dict[str, Any]) -> None:
    found = [written()[0] | changed]

    late = datetime(2030, 1, 1, tzinfo=UTC)
    assert overlays_to_remove(found, late, overlay_set="risk") == []


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ManifestError, match="has no time zone"):
        node_overlays(
            [Premium(offering("g5.xlarge"), 0.1)],
            SETTINGS,
            {},
            data_as_of=NOW.replace(tzinfo=None),
            expires_at=NOW,
        )
