"""What a timeline tells of the objects of a served model, and which pods count as Ready."""

from collections.abc import Iterable

from advisor.karpenter.labels import RETIRE, WARMING
from advisor.serving.fluid_state import API_VERSION as FLUID
from tests.support.kserve_rig import VERSION as KSERVE
from tests.support.kwok_market import Manifest
from tests.support.rig import is_true, pool_of

NAME = "deepseek-r1"
"""Of the corrected sample."""
APP = f"isvc.{NAME}-predictor"


def of_service(one: Manifest) -> Iterable[str]:
    """What the timeline tells of an InferenceService."""
    predictor = one["spec"]["predictor"]
    yield "applied"
    yield f"minReplicas {predictor['minReplicas']}, maxReplicas {predictor['maxReplicas']}"
    if is_true(one, "Ready"):
        yield "Ready"


def of_deployment(one: Manifest) -> Iterable[str]:
    """What it tells of a Deployment."""
    yield f"{one['spec']['replicas']} wanted"
    yield f"{one.get('status', {}).get('readyReplicas', 0)} Ready"


def of_autoscaler(one: Manifest) -> Iterable[str]:
    """What it tells of a HorizontalPodAutoscaler."""
    yield f"{one['spec']['minReplicas']} to {one['spec']['maxReplicas']} replicas"


def of_claim(one: Manifest) -> Iterable[str]:
    """What it tells of a NodeClaim."""
    yield "asked for"
    for condition in ("Launched", "Registered", "Initialized", "Drifted"):
        if is_true(one, condition):
            yield condition.lower()
    if RETIRE in one["metadata"].get("labels", {}):
        yield "retired by the guard"
    if "deletionTimestamp" in one["metadata"]:
        yield "drains"


def of_node(one: Manifest) -> list[str]:
    """What it tells of a node."""
    if not is_bought(one):
        return []
    facts = [" ".join(pool_of(one))]
    facts += ["Ready"] if is_true(one, "Ready") else []
    if one["metadata"]["labels"].get("karpenter.sh/registered") == "true":
        is_warming = any(taint["key"] == WARMING for taint in one["spec"].get("taints", ()))
        facts.append("warming" if is_warming else "warm")
    return facts + (["cordoned"] if one["spec"].get("unschedulable") else [])


def of_pod(one: Manifest) -> Iterable[str]:
    """What it tells of a pod of the service."""
    if not is_of_service(one):
        return
    yield f"on {one['spec']['nodeName']}" if "nodeName" in one["spec"] else "pending"
    if is_true(one, "Ready"):
        yield "Ready"
    if "deletionTimestamp" in one["metadata"]:
        yield "ends"


def of_dataset(one: Manifest) -> Iterable[str]:
    """What it tells of a Dataset."""
    status = one.get("status", {})
    yield str(status.get("phase", "made"))
    if states := status.get("cacheStates"):
        yield f"{states['cachedPercentage']} cached"


def of_load(one: Manifest) -> Iterable[str]:
    """What it tells of a DataLoad."""
    yield str(one.get("status", {}).get("phase", "made"))


WATCHED = (
    (KSERVE, "InferenceService", of_service),
    ("apps/v1", "Deployment", of_deployment),
    ("autoscaling/v2", "HorizontalPodAutoscaler", of_autoscaler),
    ("karpenter.sh/v1", "NodeClaim", of_claim),
    ("v1", "Node", of_node),
    (FLUID, "Dataset", of_dataset),
    (FLUID, "DataLoad", of_load),
)


def is_of_service(pod: Manifest) -> bool:
    """Whether the pod is one of the service's."""
    return bool(pod["metadata"].get("labels", {}).get("app") == APP)


def is_bought(node: Manifest) -> bool:
    """Whether the node is one of Karpenter's."""
    return "karpenter.sh/nodepool" in node["metadata"].get("labels", {})


def serves(pod: Manifest) -> bool:
    """Whether a pod is Ready and not on its way out."""
    return is_true(pod, "Ready") and "deletionTimestamp" not in pod["metadata"]
