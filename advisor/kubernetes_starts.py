"""One look at a cluster for how long starts took: four lists, each read once."""

from collections import deque

from advisor.cluster import Manifest
from advisor.karpenter.labels import INSTANCE_TYPE
from advisor.kubernetes_api import KubeApi, labels_of
from advisor.kubernetes_machines import pool_of, provider_of
from advisor.kubernetes_snapshot import KARPENTER, STANDING
from advisor.lead_time import ImagePull
from advisor.lead_time_observed import PULLED, Machine, Observed, Starts
from warehouse.records import Pool


def read_starts(api: KubeApi, image_pull: ImagePull) -> Observed:
    """What nodes, NodeClaims, pods and the kubelets' events tell.

    Events are gone after an hour, if the API server is set as usual: who wants every pull looks
    more often.

    Raises:
        ClusterError: the cluster does not tell.
    """
    starts = Starts(image_pull)
    claims = starts.claims(api.every_if_served(KARPENTER, "nodeclaims"))
    by_node = {name: one for one in claims if (name := (one.get("status") or {}).get("nodeName"))}
    machines = {
        name: machine
        for one in api.every("v1", "nodes")
        if (machine := _machine(one, by_node.get(name := one["metadata"]["name"])))
    }
    pods = api.every("v1", "pods", params={"fieldSelector": STANDING})
    deque(starts.pods(pods), maxlen=0)
    starts.events(api.every("v1", "events", params={"fieldSelector": f"reason={PULLED}"}))
    return starts.on(machines)


def _machine(node: Manifest, claim: Manifest | None) -> Machine | Pool | None:
    """The node's pool; where its zone or region is not told (Azure outside of zones), its cloud."""
    labels = {**(labels_of(claim) if claim else {}), **labels_of(node)}
    group = ((claim["spec"].get("nodeClassRef") or {}).get("group") or "") if claim else ""
    provider_id = (node.get("spec") or {}).get("providerID") or ""
    if pool := pool_of(labels, provider_id, group):
        return pool
    provider = provider_of(labels, provider_id, group)
    return Machine(provider, None, None, labels.get(INSTANCE_TYPE)) if provider else None
