"""The NodeClaim: one machine of one exact pool, asked of Karpenter by hand.

Karpenter's own way to replace a node is drift (`labels.RETIRE`), and the replacement is then what
its provisioner chooses. A NodeClaim is for the case where the pool matters: on GCP and Alibaba
Cloud nothing else names one. It is bound to a NodePool, so that it is disrupted, counted and
deleted like that NodePool's other nodes.

What to know before creating one:

- While a NodeClaim waits for its machine, Karpenter neither provisions nor disrupts anything else
  in the cluster. A refusal for want of capacity deletes it at once; any other error (quota,
  permission) holds everything up for 5 minutes, and for 15 on Alibaba Cloud. Create one at a time,
  watch its condition ``Launched``, and delete it after a minute without.
- The NodePool's limits count it and do not hold it back.
- Until pods are on it, only the annotation ``karpenter.sh/do-not-disrupt`` keeps it from being
  taken away as empty. It is copied to the node when that registers; from then on it is the node's
  that counts, and the node's that must be removed in the end.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from advisor.errors import ManifestError
from advisor.karpenter import labels as words
from advisor.karpenter.nodepools import marked_name
from advisor.karpenter.requirements import one_place
from warehouse.records import REGIONAL, Offering, Pool

DO_NOT_DISRUPT = "karpenter.sh/do-not-disrupt"
HASH_ANNOTATIONS = ("karpenter.sh/nodepool-hash", "karpenter.sh/nodepool-hash-version")
"""What Karpenter compares to see that the NodePool's template has changed since."""

_COPIED = ("nodeClassRef", "taints", "startupTaints", "expireAfter", "terminationGracePeriod")
"""Fields of the template's spec that a node of the NodePool has; requirements come apart."""
CORE_KEYS = frozenset(
    {
        *(words.ARCH, words.OS, words.CAPACITY_TYPE, words.INSTANCE_TYPE, words.ZONE),
        *(words.AWS_ZONE_ID, words.NODEPOOL, words.REGION),
        *("topology.k8s.alibabacloud/zone-id", "topology.k8s.gcp/zone-id"),
        *("node.kubernetes.io/windows-build", "cloud.google.com/gke-accelerator"),
        "cloud.google.com/gke-cpu-scaling-level",
    }
)
"""Labels that Karpenter writes itself, from the machine, beside those of the provider's domain."""


def node_claim(
    nodepool: Mapping[str, Any],
    offering: Offering,
    *,
    name: str,
    requests: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The NodeClaim for one machine of the offering's pool, as a node of the NodePool.

    Args:
        nodepool: the manifest of the NodePool, best as the cluster has it: only then are the hash
            and the uid there, by which drift and deletion reach the claim.
        offering: its pool names the machine; a regional one lets Karpenter choose the zone.
        name: of the claim. A fixed name makes sure that asking twice buys one machine.
        requests: what the pods ask for, Kubernetes' quantities; None: the machine's GPUs, under
            the name by which the NodePool's taint or limit calls them.
        annotations: where the choice comes from.

    Raises:
        ManifestError: the NodePool does not allow the offering, so that the node would be
            replaced as soon as it is there; or it is no NodePool of the offering's provider.
    """
    labels = one_place([offering])
    template = _template(nodepool, labels)
    words.check_object_name(name, "NodeClaim")
    metadata: Mapping[str, Any] = template.get("metadata") or {}
    requirements: list[Mapping[str, Any]] = list(template["spec"].get("requirements") or ())
    pinned = _pinned(labels, nodepool["metadata"]["name"], offering)
    if reason := not_allowed(nodepool, offering):
        raise ManifestError(f"NodePool {nodepool['metadata']['name']}", reason)
    wanted = requests or _gpus(labels, nodepool, offering)
    for resource, amount in wanted.items():
        words.check_quantity(amount, resource)
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodeClaim",
        "metadata": {
            "name": name,
            "labels": {
                **(metadata.get("labels") or {}),
                **_custom_labels(labels, requirements),
                words.NODEPOOL: nodepool["metadata"]["name"],
            },
            "annotations": _annotations(nodepool, template) | dict(annotations or {}),
            **_owner(nodepool),
        },
        "spec": {
            **{key: template["spec"][key] for key in _COPIED if key in template["spec"]},
            **({"resources": {"requests": dict(wanted)}} if wanted else {}),
            "requirements": [
                {"key": key, "operator": "In", "values": [value]} for key, value in pinned.items()
            ]
            # The variety that a NodePool asks for cannot be had from one pool.
            + [
                {field: told for field, told in one.items() if field != "minValues"}
                for one in requirements
                if one["key"] not in pinned
            ],
        },
    }


def not_allowed(nodepool: Mapping[str, Any], offering: Offering) -> str | None:
    """Why the NodePool does not allow the offering, as half a sentence; None if it does.

    What it asks of type, zone and capacity type is looked at; a key that it does not name allows
    everything.

    Raises:
        ManifestError: the manifest is no NodePool of the offering's provider.
    """
    labels = one_place([offering])
    template = _template(nodepool, labels)
    pinned = _pinned(labels, nodepool["metadata"]["name"], offering)
    for one in template["spec"].get("requirements") or ():
        value, values = pinned.get(one["key"]), one.get("values") or []
        refused = value is not None and (
            (one["operator"] == "In" and value not in values)
            or (one["operator"] == "NotIn" and value in values)
            or one["operator"] == "DoesNotExist"
        )
        if refused:
            return (
                f"{one['key']} {value} is not in its list, and the node would be replaced at once"
            )
    return None


def is_of_provider(key: str) -> bool:
    """Whether a label is one that some provider writes itself, from the machine."""
    domains = {words.AKS_DOMAIN, *(one.domain for one in words.PROVIDERS)}
    return key.partition("/")[0] in domains


def claim_name(nodepool: str, pool: Pool, now: datetime) -> str:
    """A name for the claim, of its pool and time: whoever asks later asks for another machine."""
    told = f"{pool.provider}/{pool.region}/{pool.zone}/{pool.instance_type}/{now.isoformat()}"
    return marked_name(nodepool, (hashlib.sha256(told.encode()).hexdigest()[:8],))


def _template(nodepool: Mapping[str, Any], labels: words.ProviderLabels) -> Mapping[str, Any]:
    try:
        template: Mapping[str, Any] = nodepool["spec"]["template"]
        group = template["spec"]["nodeClassRef"]["group"]
        named = nodepool["metadata"]["name"]
    except (KeyError, TypeError) as error:
        raise ManifestError(
            "NodePool", f"the manifest is no NodePool: {error} is missing"
        ) from None
    if nodepool.get("kind") != "NodePool":
        raise ManifestError("NodePool", f"the manifest is a {nodepool.get('kind')}, not a NodePool")
    if group != labels.domain:
        raise ManifestError(
            f"NodePool {named}", f"its node class is of {group}, the offering of {labels.provider}"
        )
    return template


def _pinned(labels: words.ProviderLabels, nodepool: str, offering: Offering) -> dict[str, str]:
    pool = offering.pool
    pinned = {
        words.NODEPOOL: nodepool,
        words.CAPACITY_TYPE: offering.capacity_type.value,
        words.INSTANCE_TYPE: pool.instance_type,
    }
    if pool.zone != REGIONAL:
        pinned[words.zone_key(labels, [pool.zone])] = pool.zone
    for key, value in pinned.items():
        words.check_label_value(value, key)
    return pinned


def _custom_labels(
    labels: words.ProviderLabels, requirements: Sequence[Mapping[str, Any]]
) -> dict[str, str]:
    """A value for each label that the NodePool asks of its nodes and no machine has by itself."""
    found = {}
    for one in requirements:
        key, values = one["key"], one.get("values") or []
        if key in CORE_KEYS or key.partition("/")[0] in {labels.domain, words.AKS_DOMAIN}:
            continue
        value = _any_value(key, one["operator"], values)
        if value is not None:
            found[key] = value
    return found


def _any_value(key: str, operator: str, values: Sequence[str]) -> str | None:
    """A value that the requirement takes; None where the label may be absent."""
    match operator:
        case "In" | "Gte" | "Lte":
            return values[0]
        case "Exists":
            return "true"
        case "Gt":
            return str(int(values[0]) + 1)
        case "Lt" if int(values[0]) > 0:
            return str(int(values[0]) - 1)
        case "NotIn" | "DoesNotExist":
            return None
        case _:
            raise ManifestError(key, f"no value meets {operator} {', '.join(values)}")


def _gpus(
    labels: words.ProviderLabels, nodepool: Mapping[str, Any], offering: Offering
) -> dict[str, str]:
    count = offering.instance_type.gpu_count
    if not count:
        return {}
    if labels is words.GCP:
        # The provider (0.5) counts kinds of accelerators, not GPUs: it sees one on each machine.
        count = 1
    spec = nodepool["spec"]
    told = [
        *(taint["key"] for taint in spec["template"]["spec"].get("taints") or ()),
        *(spec.get("limits") or {}),
    ]
    return {"amd.com/gpu" if "amd.com/gpu" in told else "nvidia.com/gpu": str(count)}


def _annotations(nodepool: Mapping[str, Any], template: Mapping[str, Any]) -> dict[str, str]:
    own = nodepool["metadata"].get("annotations") or {}
    return {
        **((template.get("metadata") or {}).get("annotations") or {}),
        **{key: own[key] for key in HASH_ANNOTATIONS if key in own},
        DO_NOT_DISRUPT: "true",
    }


def _owner(nodepool: Mapping[str, Any]) -> dict[str, Any]:
    """The NodePool as owner, so that deleting it takes the claim along; {} without its uid."""
    metadata = nodepool["metadata"]
    if not metadata.get("uid"):
        return {}
    reference = {
        "apiVersion": nodepool["apiVersion"],
        "kind": "NodePool",
        "name": metadata["name"],
        "uid": metadata["uid"],
        "blockOwnerDeletion": True,
    }
    return {"ownerReferences": [reference]}
