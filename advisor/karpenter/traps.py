"""What a manifest cannot say, and its reader has to know: the traps of each provider.

A manifest can be valid and still do something else than was meant. Each sentence here is one such
case that the choice has run into; nothing is said of traps that it has not.
"""

from collections.abc import Iterable, Sequence

from advisor.demand import gpu_manufacturer
from advisor.karpenter import labels as words
from advisor.karpenter import shapes
from advisor.karpenter.requirements import named_zones, one_place
from warehouse.records import CapacityType, Offering

NAMED = 5
"""Types named in a sentence; more are counted."""


def traps(offerings: Sequence[Offering], *, gpu_limit: int | None = None) -> list[str]:
    """Sentences on what Karpenter will make of the choice, as far as it is not what one expects.

    Args:
        offerings: what goes into NodePools, of one provider and region, at least one.
        gpu_limit: the limit of GPUs that the NodePool will carry, if any.
    """
    labels = one_place(offerings)
    told = _too_many_types(labels, offerings) + _two_makers(offerings)
    if labels is words.GCP:
        told += _gcp(offerings, gpu_limit)
    if labels is words.AZURE:
        told += _azure(offerings)
    return told


def hyperdisk_types(offerings: Sequence[Offering]) -> list[str]:
    """The types of GCP among them that boot from Hyperdisk alone, each once."""
    names = dict.fromkeys(one.pool.instance_type for one in offerings)
    return [name for name in names if shapes.needs_hyperdisk(name)]


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"


def _too_many_types(labels: words.ProviderLabels, offerings: Sequence[Offering]) -> list[str]:
    names = {one.pool.instance_type for one in offerings}
    if labels.most_types is None or len(names) <= labels.most_types:
        return []
    most = labels.most_types
    return [f"Of the {len(names)} types, Karpenter tries the {most} cheapest at each launch."]


def _two_makers(offerings: Sequence[Offering]) -> list[str]:
    makers = {gpu_manufacturer(one.instance_type) for one in offerings} - {None}
    if len(makers) <= 1:
        return []
    told = (
        "The list has GPUs of NVIDIA and of AMD. Pods ask for nvidia.com/gpu or amd.com/gpu, and "
        "the taint and the limit of a NodePool are of one of them: better make two."
    )
    return [told]


def _gcp(offerings: Sequence[Offering], gpu_limit: int | None) -> list[str]:
    told = []
    several = _names(one for one in offerings if one.instance_type.gpu_count > 1)
    if several:
        limit = f", and the limit of {gpu_limit} counts machines" if gpu_limit is not None else ""
        told.append(
            "Karpenter for GCP (0.5) takes every machine for one with a single GPU: no pod that "
            f"asks for more is put on {listed(several)}{limit}."
        )
    attached = _names(
        one
        for one in offerings
        if one.instance_type.gpu_count and shapes.gcp_family(one.pool.instance_type) == "n1"
    )
    if attached:
        told.append(f"Karpenter for GCP attaches no GPUs: {listed(attached)} comes without.")
    if disks := hyperdisk_types(offerings):
        told.append(
            f"{listed(disks)} boots from Hyperdisk only: the node class needs a boot disk of "
            "category hyperdisk-balanced."
        )
    return told


def _azure(offerings: Sequence[Offering]) -> list[str]:
    told = []
    if named_zones(offerings):
        told.append(
            "Azure's zone numbers are the subscription's own: zone 1 of another subscription is "
            "another place."
        )
    if any(one.capacity_type is CapacityType.SPOT for one in offerings):
        told.append(
            "Karpenter for Azure does not act on an interruption notice by itself: it needs the "
            "gate NodeRepair and an agent that sets PreemptionScheduled on the node."
        )
    return told


def _names(offerings: Iterable[Offering]) -> list[str]:
    return list(dict.fromkeys(one.pool.instance_type for one in offerings))
