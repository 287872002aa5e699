"""NodeOverlays: the prices that Karpenter reckons with, made dearer by the risk of each pool.

An overlay adds a share to the live spot price of the types and zones that it names. The share is
expected cost over price, less one: what Karpenter then compares is what a machine costs with its
interruptions. One overlay has one share, so shares are rounded up to bands, and the pools of a band
are told in as few overlays as say exactly them. No two overlays touch the same pool: where two of
equal weight meet, Karpenter drops the whole of one.

An overlay is a claim about now. It carries the time until which it holds; `stale_overlays` names
those that have outlived it.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from typing import Any

from advisor.errors import ManifestError
from advisor.karpenter import labels as words
from advisor.karpenter.rectangles import Rectangle, rectangles
from advisor.karpenter.requirements import named_zones, one_place
from warehouse.records import REGIONAL, CapacityType, Offering

WEIGHT = 100
"""Of 1 to 10,000; the highest wins. People's own overlays have room on both sides."""

BAND_SHARE = 0.05
"""How far apart bands are, as a share of the price: finer than the error of any forecast of ours,
and coarse enough that premiums of up to 100 % take 20 bands."""

TENTH = Decimal("0.1")
"""Percentages are written with one digit behind the point, and rounded up to it."""

FINE_PERCENT = tuple(map(Decimal, ("0.1", "0.2", "0.5", "1.0", "2.0", "5.0", "10.0")))
"""Bands below the first one: without them a premium of almost nothing would be a whole band."""

OVERLAY_SET = "spotcast.io/overlay-set"
"""Label: which set of overlays this one belongs to; sets are written and removed as a whole."""
EXPIRES_AT = "spotcast.io/expires-at"
"""Annotation: until when the premium holds, as RFC 3339 in UTC."""


@dataclass(frozen=True, slots=True)
class Premium:
    """A spot offering and what its risk adds: 0.25 is a quarter of its price; None is unknown."""

    offering: Offering
    share: float | None

    def __post_init__(self) -> None:
        if self.share is not None and not (math.isfinite(self.share) and self.share >= 0):
            raise ManifestError("premium", f"{self.share} of {self.offering.pool} is no share")


def premium(offering: Offering, cost_usd_per_hour: float | None) -> Premium:
    """What the risk adds to the price, from the expected cost of an hour; None if unknown."""
    usd = offering.usd_per_hour
    if cost_usd_per_hour is None or usd is None or usd <= 0:
        return Premium(offering, None)
    return Premium(offering, max(0.0, cost_usd_per_hour / usd - 1))


@dataclass(frozen=True, slots=True)
class OverlaySettings:
    """How a set of overlays is written.

    Raises:
        ManifestError: a value is none that an overlay could have.
    """

    name: str
    """Of the set, and what the name of each of its overlays begins with."""
    nodepools: tuple[str, ...] = ()
    """NodePools that the prices are for; () for every one in the cluster."""
    band_share: float = BAND_SHARE
    """See `BAND_SHARE`; above 0."""
    unknown_share: float | None = None
    """Premium of a pool of unknown risk. None: as much as puts its price above the expected cost of
    every pool whose risk is known, and no less than the highest premium of those."""
    weight: int = WEIGHT

    def __post_init__(self) -> None:
        words.check_object_name(self.name, "NodeOverlay")
        for nodepool in self.nodepools:
            words.check_object_name(nodepool, "NodePool")
        if not (math.isfinite(self.band_share) and self.band_share >= 0.001):  # noqa: PLR2004 - a tenth of a per cent
            raise ManifestError("band", f"{self.band_share} is below 0.001, the least that is told")
        if self.unknown_share is not None and not 0 <= self.unknown_share < math.inf:
            raise ManifestError("unknown premium", f"{self.unknown_share} is not 0 or more")
        if not 1 <= self.weight <= 10_000:  # noqa: PLR2004 - the CRD's limit
            raise ManifestError("weight", f"{self.weight} is not 1 to 10000")


MOST_SHARE = 1e15
"""Beyond it a premium has more digits than are counted in here."""


def node_overlays(
    premiums: Sequence[Premium],
    settings: OverlaySettings,
    annotations: Mapping[str, str],
    *,
    data_as_of: datetime,
    expires_at: datetime,
) -> list[dict[str, Any]]:
    """The overlays that put these premiums on spot prices, cheapest band first, as manifests.

    A pool with a premium of nothing gets no overlay. Where a type is given for the region and for
    some of its zones, the region's premium holds in the other zones. Only spot is touched.

    Raises:
        ManifestError: the provider makes nothing of overlays; a pool is given twice; or all risks
            are unknown and no premium was set for that.
    """
    offerings = [one.offering for one in premiums]
    labels = one_place(offerings, "one set of NodeOverlays")
    check_has_overlays(labels.provider)
    # Names and ids of zones are two keys; overlays that use both could meet in one pool.
    words.zone_key(labels, named_zones(offerings))
    if unfit := [one for one in offerings if one.capacity_type is not CapacityType.SPOT]:
        raise ManifestError("overlay", f"{unfit[0].pool} is not a spot offering")
    if len({one.pool for one in offerings}) < len(offerings):
        raise ManifestError("overlay", "a pool is given twice; it can have one premium only")
    dates = {words.DATA_AS_OF: _rfc3339(data_as_of), EXPIRES_AT: _rfc3339(expires_at)}
    manifests: list[dict[str, Any]] = []
    for percent, pools in sorted(_bands(premiums, settings).items()):
        blocks = _blocks(pools, _zones_by_type(offerings))
        for place, (operator, block) in enumerate(blocks, 1):
            mark = f"{percent}-{place}" if len(blocks) > 1 else f"{percent}"
            manifests.append(
                {
                    "apiVersion": "karpenter.sh/v1alpha1",
                    "kind": "NodeOverlay",
                    "metadata": {
                        "name": f"{settings.name}-{mark}",
                        "labels": words.MANAGED_BY | {OVERLAY_SET: settings.name},
                        "annotations": dict(annotations) | dates,
                    },
                    "spec": {
                        "weight": settings.weight,
                        "requirements": _requirements(labels, settings, operator, block),
                        "priceAdjustment": f"+{percent}%",
                    },
                }
            )
    for manifest in manifests:
        words.check_object_name(manifest["metadata"]["name"], "NodeOverlay")
    return manifests


def check_has_overlays(provider: str) -> None:
    """Accept a provider whose Karpenter buys by overlaid prices.

    Raises:
        ManifestError: it does not; says what to do in their place.
    """
    labels = words.provider_labels(provider)
    if labels.has_node_overlay:
        return
    why = {
        words.GCP.provider: (
            "Karpenter sets an overlay's status to Ready on GCP, but the provider (0.5) never "
            "asks for the price: nothing would change"
        ),
        words.ALIBABA.provider: (
            "the provider for Alibaba Cloud rests on Karpenter 1.2, which has no NodeOverlay"
        ),
    }
    raise ManifestError(
        "NodeOverlay",
        f"{why[labels.provider]}. Say the risk in the NodePools: fewer types, or one NodePool "
        "per zone (spotcast nodepool --per-zone)",
    )


def percent_of(share: float, band_share: float) -> Decimal:
    """The premium in per cent, rounded up to its band; 0 if it is nothing.

    Band k is (1 + band_share)^k - 1, and below the first there are those of `FINE_PERCENT`. So the
    price with the premium is never below the expected cost, and above it by less than
    ``band_share`` and the tenth of a per cent that is written.

    Raises:
        ManifestError: the share is beyond any price.
    """
    if share > MOST_SHARE:
        raise ManifestError(
            "premium", f"{share:.3g} times the price; ask with a lower cost of loss"
        )
    least, step = Decimal(str(share)) * 100, 1 + Decimal(str(band_share))
    if least <= 0:
        return Decimal("0.0")
    first = _band_percent(step, 1)
    for fine in FINE_PERCENT:
        if least <= fine < first:
            return fine
    band = max(1, math.floor(math.log1p(share) / math.log1p(band_share)))
    while (percent := _band_percent(step, band)) < least:
        band += 1
    return percent


def _band_percent(step: Decimal, band: int) -> Decimal:
    return ((step**band - 1) * 100).quantize(TENTH, ROUND_CEILING)


def _bands(
    premiums: Sequence[Premium], settings: OverlaySettings
) -> dict[Decimal, list[tuple[str, str]]]:
    """The pools (type, zone) of each percentage above 0."""
    bands: dict[Decimal, list[tuple[str, str]]] = {}
    for one in premiums:
        share = _unknown(one, premiums, settings) if one.share is None else one.share
        percent = percent_of(share, settings.band_share)
        if percent > 0:
            pool = one.offering.pool
            bands.setdefault(percent, []).append((pool.instance_type, pool.zone))
    return bands


def _unknown(one: Premium, premiums: Sequence[Premium], settings: OverlaySettings) -> float:
    """The premium of a pool of unknown risk: it is never taken for one that is safe and cheap."""
    if settings.unknown_share is not None:
        return settings.unknown_share
    known = [
        (other.share, other.offering.usd_per_hour)
        for other in premiums
        if other.share is not None and other.offering.usd_per_hour is not None
    ]
    if not known:
        raise ManifestError(
            "overlay", "the risk of every pool is unknown; set the premium for unknown risk"
        )
    highest = max(share for share, _ in known)
    # With what is written for them, and the least step above it.
    dearest = max(
        usd * float(1 + (percent_of(share, settings.band_share) + TENTH) / 100)
        for share, usd in known
    )
    usd = one.offering.usd_per_hour
    return highest if not usd else max(highest, dearest / usd - 1)


def _zones_by_type(offerings: Iterable[Offering]) -> dict[str, tuple[str, ...]]:
    """The zones that each type is given for by name, sorted."""
    zones: dict[str, set[str]] = {}
    for one in offerings:
        named = zones.setdefault(one.pool.instance_type, set())
        if one.pool.zone != REGIONAL:
            named.add(one.pool.zone)
    return {instance_type: tuple(sorted(named)) for instance_type, named in zones.items()}


def _blocks(
    pools: Sequence[tuple[str, str]], named: Mapping[str, tuple[str, ...]]
) -> list[tuple[str, Rectangle]]:
    """The pools of one band as rectangles; their zones are those meant, or those left out."""
    zonal = rectangles(pool for pool in pools if pool[1] != REGIONAL)
    regional: dict[tuple[str, ...], list[str]] = {}
    for instance_type, zone in pools:
        if zone == REGIONAL:
            regional.setdefault(named[instance_type], []).append(instance_type)
    rest = [Rectangle(tuple(types), zones) for zones, types in regional.items()]
    return [("In", block) for block in zonal] + [("NotIn", block) for block in rest]


def _requirements(
    labels: words.ProviderLabels, settings: OverlaySettings, operator: str, block: Rectangle
) -> list[dict[str, Any]]:
    for instance_type in block.types:
        words.check_label_value(instance_type, words.INSTANCE_TYPE)
    requirements: list[dict[str, Any]] = []
    if settings.nodepools:
        requirements.append(_in(words.NODEPOOL, settings.nodepools))
    requirements.append(_in(words.INSTANCE_TYPE, block.types))
    if block.zones:
        key = words.zone_key(labels, block.zones)
        requirements.append({"key": key, "operator": operator, "values": list(block.zones)})
    requirements.append(_in(words.CAPACITY_TYPE, (CapacityType.SPOT.value,)))
    return requirements


def _in(key: str, values: Sequence[str]) -> dict[str, Any]:
    return {"key": key, "operator": "In", "values": list(values)}


def _rfc3339(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ManifestError("overlay", f"{moment} has no time zone")
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
