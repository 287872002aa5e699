"""The requirements of a NodePool: the list of machines that Karpenter may buy.

Requirements are joined by "and", key by key. A NodePool can therefore say "these types, in these
zones", but never "this type, but not in that zone": the lists allow the whole cross product.
`cross_product_extras` names what comes in uninvited.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from advisor.errors import ManifestError
from advisor.karpenter import labels as words
from advisor.karpenter import shapes
from advisor.karpenter.labels import ProviderLabels
from warehouse.records import REGIONAL, CapacityType, Offering, Pool

Operator = Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
"""The six that every Karpenter knows; Gte and Lte came with 1.9 and stop an older one."""

MAX_REQUIREMENTS = 100
"""The CRD's limit on the list."""
MAX_MIN_VALUES = 50
"""The CRD's limit on minValues."""
ARCHITECTURES = frozenset({"amd64", "arm64"})

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on the labels of a machine; ``min_values`` None asks for no variety.

    Raises:
        ManifestError: the API server or Karpenter would refuse it.
    """

    key: str
    operator: Operator
    values: tuple[str, ...] = ()
    min_values: int | None = None

    def __post_init__(self) -> None:
        words.check_qualified_name(self.key)
        for value in self.values:
            words.check_label_value(value, self.key)
        if self.operator in {"Gt", "Lt"}:
            if len(self.values) != 1 or not (self.values[0].isascii() and self.values[0].isdigit()):
                raise ManifestError(self.key, f"{self.operator} takes one whole number, 0 or more")
        elif bool(self.values) != (self.operator in {"In", "NotIn"}):
            raise ManifestError(self.key, f"{self.operator} with {len(self.values)} values")
        if self.min_values is not None:
            _check_min_values(self.key, self.min_values, len(set(self.values)))

    def as_manifest(self) -> dict[str, Any]:
        """The requirement as it stands in a NodePool."""
        manifest: dict[str, Any] = {"key": self.key, "operator": self.operator}
        if self.values:
            manifest["values"] = list(self.values)
        if self.min_values is not None:
            manifest["minValues"] = self.min_values
        return manifest


def nodepool_requirements(
    offerings: Sequence[Offering],
    *,
    min_instance_types: int | None = None,
    extra: Sequence[Requirement] = (),
) -> list[Requirement]:
    """What lets Karpenter buy these offerings; instance types in the order given.

    A regional offering (zone `REGIONAL`) holds in every zone. If all are regional, there is no
    zone requirement. If some name a zone, those zones bind the regional ones as well: prices on
    demand are regional, and that fallback must not open zones that nobody chose.

    Keys that describe GPUs are only there if they hold for each chosen type as the provider
    labels it. ``extra`` are the user's own. The last requirement is the switch that retires.

    Raises:
        ManifestError: one NodePool cannot hold the choice, or a value is no label value.
    """
    labels = one_place(offerings)
    requirements = [
        Requirement(words.ARCH, "In", _architectures(labels, offerings)),
        Requirement(words.OS, "In", ("linux",)),
        Requirement(words.CAPACITY_TYPE, "In", _capacity_types(labels, offerings)),
        Requirement(words.INSTANCE_TYPE, "In", _instance_types(offerings), min_instance_types),
    ]
    if zones := named_zones(offerings):
        requirements.append(Requirement(words.zone_key(labels, zones), "In", zones))
    requirements += _machine_requirements(labels, offerings)
    for requirement in extra:
        words.check_key(labels, requirement.key)
        requirements.append(requirement)
    requirements.append(Requirement(words.RETIRE, "DoesNotExist"))
    if len(requirements) > MAX_REQUIREMENTS:
        raise ManifestError("requirements", f"{len(requirements)}; a NodePool holds 100")
    return requirements


def unchosen_offerings(offerings: Sequence[Offering]) -> list[tuple[Pool, CapacityType]]:
    """What the requirements allow beyond the choice, one row per pool and capacity type.

    In the order of types as chosen, then by zone. A regional offering chooses its type in each
    of the zones; where no zone is named, the zone of the answer is `REGIONAL`.
    """
    if not offerings:
        return []
    zones = named_zones(offerings)
    chosen = {
        (offering.pool.instance_type, offering.pool.zone, offering.capacity_type)
        for offering in placed(offerings, zones)
    }
    place = offerings[0].pool
    return [
        (Pool(place.provider, place.region, zone, instance_type), capacity_type)
        for instance_type in _instance_types(offerings)
        for zone in zones or (REGIONAL,)
        for capacity_type in sorted({offering.capacity_type for offering in offerings})
        if (instance_type, zone, capacity_type) not in chosen
    ]


def one_place(offerings: Sequence[Offering], subject: str = "one NodePool") -> ProviderLabels:
    """The words of the one provider, in the one region, that all offerings are of.

    Raises:
        ManifestError: there are none, or they are of several regions.
    """
    places = sorted({(offering.pool.provider, offering.pool.region) for offering in offerings})
    if not places:
        raise ManifestError("requirements", "no offering was chosen; an empty list allows all")
    if len(places) > 1:
        named = ", ".join(f"{provider} {region}" for provider, region in places)
        raise ManifestError("requirements", f"{subject} serves one region, not {named}")
    return words.provider_labels(places[0][0])


def named_zones(offerings: Iterable[Offering]) -> tuple[str, ...]:
    """The zones that the offerings name, sorted; () if all hold for the whole region."""
    return tuple(sorted({offering.pool.zone for offering in offerings} - {REGIONAL}))


def placed(offerings: Iterable[Offering], zones: Sequence[str]) -> list[Offering]:
    """The offerings with each regional one put into these zones; () leaves it where it is."""
    return [
        replace(offering, pool=replace(offering.pool, zone=zone))
        for offering in offerings
        for zone in (
            (zones or (REGIONAL,)) if offering.pool.zone == REGIONAL else (offering.pool.zone,)
        )
    ]


def cross_product_extras(offerings: Sequence[Offering]) -> list[Pool]:
    """The pools that Karpenter may also buy in, though nobody chose them; [] if there are none.

    Capacity types are one of the lists: a type chosen on demand only is an extra where the
    NodePool allows spot as well. `unchosen_offerings` tells which.
    """
    return _unique(pool for pool, _ in unchosen_offerings(offerings))


def _architectures(labels: ProviderLabels, offerings: Sequence[Offering]) -> tuple[str, ...]:
    found = {offering.instance_type.architecture for offering in offerings}
    if unknown := sorted(found - ARCHITECTURES):
        raise ManifestError(words.ARCH, f"{', '.join(unknown)} is not amd64 or arm64")
    if labels.one_architecture and len(found) > 1:
        raise ManifestError(words.ARCH, f"{labels.provider} needs one NodePool per architecture")
    return tuple(sorted(found))


def _capacity_types(labels: ProviderLabels, offerings: Sequence[Offering]) -> tuple[str, ...]:
    found = {offering.capacity_type for offering in offerings}
    if unknown := sorted(found - labels.capacity_types):
        raise ManifestError(words.CAPACITY_TYPE, f"{labels.provider} has no {', '.join(unknown)}")
    return tuple(capacity_type.value for capacity_type in sorted(found))


def _instance_types(offerings: Iterable[Offering]) -> tuple[str, ...]:
    return tuple(_unique(offering.pool.instance_type for offering in offerings))


def _machine_requirements(
    labels: ProviderLabels, offerings: Sequence[Offering]
) -> list[Requirement]:
    instance_types = _instance_types(offerings)
    if labels is words.AWS:
        return _aws_gpus(instance_types, offerings)
    if labels is words.ALIBABA:
        return _alibaba_families(instance_types)
    if labels is words.GCP:
        families = tuple(sorted({shapes.gcp_family(one) for one in instance_types}))
        return [Requirement(words.GCP.key("instance-family"), "In", families)]
    return _azure_gpus(offerings)


def _azure_gpus(offerings: Sequence[Offering]) -> list[Requirement]:
    for offering in offerings:
        name = offering.pool.instance_type
        if not shapes.AZURE_SIZE.fullmatch(name):
            raise ManifestError(
                f"type {name}", f"AKS labels its nodes with the whole name: Standard_{name}"
            )
    if all(offering.instance_type.gpu_count > 0 for offering in offerings):
        # The label is there on every size, "0" where there is no GPU: Exists would match all.
        return [Requirement(words.AZURE.key("sku-gpu-count"), "Gt", ("0",))]
    return []


def _aws_gpus(instance_types: Sequence[str], offerings: Sequence[Offering]) -> list[Requirement]:
    families = {shapes.aws_family(instance_type) for instance_type in instance_types}
    if not families <= shapes.AWS_GPU_MANUFACTURER.keys():
        return []
    makers = sorted({shapes.AWS_GPU_MANUFACTURER[family] for family in families})
    requirements = [
        Requirement(words.AWS.key("instance-gpu-manufacturer"), "In", tuple(makers)),
    ]
    counted = all(offering.instance_type.gpu_count > 0 for offering in offerings)
    if counted and not families & shapes.AWS_FRACTIONAL_GPU:
        requirements.append(Requirement(words.AWS.key("instance-gpu-count"), "Gt", ("0",)))
    return requirements


def _alibaba_families(instance_types: Sequence[str]) -> list[Requirement]:
    derived = [shapes.alibaba_shape(instance_type) for instance_type in instance_types]
    known = [shape for shape in derived if shape is not None]
    if len(known) < len(derived):
        return []
    categories = tuple(sorted({shape.category for shape in known}))
    families = tuple(sorted({shape.family for shape in known}))
    return [
        Requirement(words.ALIBABA.key("instance-category"), "In", categories),
        Requirement(words.ALIBABA.key("instance-family"), "In", families),
    ]


def _check_min_values(key: str, min_values: int, available: int) -> None:
    most = min(available, MAX_MIN_VALUES)
    if not 1 <= min_values <= most:
        raise ManifestError(key, f"minValues {min_values} of {available} values (1 to {most})")


def _unique(items: Iterable[_T]) -> list[_T]:
    return list(dict.fromkeys(items))
