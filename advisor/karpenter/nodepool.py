"""The NodePool: which machines Karpenter may buy, when it may take them away, and how many.

Two parts of a NodePool behave quite differently when they change. Requirements, disruption, limits
and weight are no part of Karpenter's drift hash: a change there disturbs only the nodes that no
longer fit. Everything else in the template (labels, annotations, taints, expiry, grace period) is:
one changed letter replaces every node of the NodePool.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from advisor.errors import ManifestError
from advisor.karpenter import labels as words
from advisor.karpenter.budgets import CAUTIOUS_BUDGETS, DisruptionBudget
from advisor.karpenter.requirements import Requirement, nodepool_requirements
from warehouse.records import Offering

DURATION = re.compile(r"([0-9]+[smh])+")
NEVER = "Never"
MAX_WEIGHT = 100
MAX_BUDGETS = 50


@dataclass(frozen=True, slots=True)
class NodePoolSettings:
    """How Karpenter treats the nodes of a NodePool; durations as Kubernetes writes them (``5m``).

    Raises:
        ManifestError: the API server would refuse a value.
    """

    name: str
    node_class: str
    """Name of the node class (EC2NodeClass and the like), which must exist in the cluster."""
    weight: int | None = None
    """1 to 100, higher is tried first. None: one NodePool alone needs no rank."""
    gpu_limit: int | None = None
    """Most GPUs of all nodes together. None: a limit that nobody chose stops a scale-up."""
    gpu_resource: str = "nvidia.com/gpu"
    """What pods ask for and the taint's key: NVIDIA's device plugin names it so."""
    taint_gpu_nodes: bool = True
    """Keep pods without need of a GPU off the dear machines."""
    expire_after: str = "720h"
    """Oldest age of a node, or ``Never``: Karpenter's own default, so that images stay patched."""
    termination_grace_period: str | None = None
    """Longest drain. None: with one, drift overrides PodDisruptionBudgets and do-not-disrupt."""
    consolidate_after: str = "5m"
    """Empty time after which a node goes, or ``Never``: longer than a restart of its only pod."""
    budgets: tuple[DisruptionBudget, ...] = CAUTIOUS_BUDGETS
    """See `CAUTIOUS_BUDGETS`."""
    min_instance_types: int | None = None
    """Types that must stay in reach of each launch. None: asking for variety can block one."""
    warming_taint: bool = False
    """Hold pods off a new node, and its predecessor's drain, until the model is there.

    Off: something must take the taint away again. Where nothing does, no node ever becomes
    initialized and nothing is scheduled. Switching it replaces all nodes.
    """

    def __post_init__(self) -> None:
        words.check_object_name(self.name, "NodePool")
        words.check_object_name(self.node_class, "node class")
        words.check_qualified_name(self.gpu_resource)
        _check_duration("expire_after", self.expire_after, or_never=True)
        _check_duration("consolidate_after", self.consolidate_after, or_never=True)
        if self.termination_grace_period is not None:
            _check_duration("termination_grace_period", self.termination_grace_period)
        if self.weight is not None and not 1 <= self.weight <= MAX_WEIGHT:
            raise ManifestError("weight", f"{self.weight} is not 1 to {MAX_WEIGHT}")
        if self.gpu_limit is not None and self.gpu_limit < 1:
            raise ManifestError("gpu_limit", f"{self.gpu_limit} is not 1 or more")
        if len(self.budgets) > MAX_BUDGETS:
            raise ManifestError("budgets", f"{len(self.budgets)} of at most {MAX_BUDGETS}")


def nodepool(
    offerings: Sequence[Offering],
    settings: NodePoolSettings,
    annotations: Mapping[str, str],
    *,
    extra: Sequence[Requirement] = (),
) -> dict[str, Any]:
    """The NodePool that lets Karpenter buy these offerings, best first, as a manifest.

    ``annotations`` say where the choice comes from (``spotcast.io/data-as-of``); ``extra`` are
    the user's own requirements. Only fields that the oldest of the CRDs knows are written.

    Raises:
        ManifestError: the offerings do not fit into one NodePool.
    """
    requirements = nodepool_requirements(
        offerings, min_instance_types=settings.min_instance_types, extra=extra
    )
    spec: dict[str, Any] = {} if settings.weight is None else {"weight": settings.weight}
    if settings.gpu_limit is not None:
        spec["limits"] = {settings.gpu_resource: str(settings.gpu_limit)}
    spec["disruption"] = {
        # Emptiness only: moving a loaded model to save a little is the advisor's decision.
        "consolidationPolicy": "WhenEmpty",
        "consolidateAfter": settings.consolidate_after,
        "budgets": [budget.as_manifest() for budget in settings.budgets],
    }
    spec["template"] = {"spec": _template_spec(offerings, settings, requirements)}
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": _metadata(settings.name, annotations),
        "spec": spec,
    }


def _metadata(name: str, annotations: Mapping[str, str]) -> dict[str, Any]:
    for key in annotations:
        words.check_qualified_name(key)
    if not annotations:
        return {"name": name}
    # On the NodePool itself: an annotation of the template is part of the drift hash, and a new
    # date in it would replace every node.
    return {"name": name, "annotations": dict(annotations)}


def _template_spec(
    offerings: Sequence[Offering],
    settings: NodePoolSettings,
    requirements: Sequence[Requirement],
) -> dict[str, Any]:
    labels = words.provider_labels(offerings[0].pool.provider)
    spec: dict[str, Any] = {
        "nodeClassRef": {
            "group": labels.domain,
            "kind": labels.node_class_kind,
            "name": settings.node_class,
        },
        "expireAfter": settings.expire_after,
    }
    if settings.termination_grace_period is not None:
        spec["terminationGracePeriod"] = settings.termination_grace_period
    if settings.taint_gpu_nodes and _all_have_gpus(offerings):
        spec["taints"] = [{"key": settings.gpu_resource, "effect": "NoSchedule"}]
    if settings.warming_taint:
        spec["startupTaints"] = [{"key": words.WARMING, "effect": "NoSchedule"}]
    spec["requirements"] = [requirement.as_manifest() for requirement in requirements]
    return spec


def _all_have_gpus(offerings: Sequence[Offering]) -> bool:
    # A part of a GPU has a name and counts as none.
    found = {
        offering.instance_type.gpu_count > 0 or offering.instance_type.gpu_name is not None
        for offering in offerings
    }
    if len(found) > 1:
        raise ManifestError(
            "taints",
            "types with and without GPUs are mixed, and a taint is on all nodes of a NodePool; "
            "make two NodePools, or switch the taint off",
        )
    return found == {True}


def _check_duration(name: str, value: str, *, or_never: bool = False) -> None:
    if not DURATION.fullmatch(value) and not (or_never and value == NEVER):
        raise ManifestError(name, f"{value!r} is no duration such as 90s, 5m or 720h")
