"""A cluster of thousands of nodes on a real API server, with objects as large as real ones are.

Nothing runs there: no kubelet, no controller and no Karpenter. Whoever reads it meets what the API
server sends for such a cluster, in the sizes of GPU nodes and inference servers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tests.support import guarded_objects as of
from tests.support.control_plane import ControlPlane
from tests.support.offerings import offering
from warehouse.records import Pool

Manifest = dict[str, Any]

TYPES = ("g4dn", "g5", "g6", "g6e", "p3", "p4d", "p4de", "p5", "p5e", "gr6")
ZONES = ("use1-az1", "use1-az2", "use1-az3", "use1-az4", "use1-az5")
POOLS: tuple[Pool, ...] = tuple(
    offering(f"{family}.xlarge", zone).pool for family in TYPES for zone in ZONES
)
NODEPOOLS = 5
REPLICAS = 60
IMAGES, ENVIRONMENT = 25, 15
OF_ITS_OWN = ("nodeName", "providerID")
"""In what the specs of one kind differ."""


@dataclass(frozen=True, slots=True)
class Large:
    """So many nodes of 50 pools and 5 NodePools, with so many pods each; half are protected."""

    nodes: int = 2000
    pods_of_a_node: int = 3

    @property
    def pods(self) -> int:
        """How many there are."""
        return self.nodes * self.pods_of_a_node

    def put(self, plane: ControlPlane) -> None:
        """Create all of it; the Karpenter CRDs must be there.

        The API server takes one of each kind, and what it made of that is written into etcd as
        often as it is needed: 10,000 requests would take minutes.
        """
        account = {"name": "default", "namespace": "default"}
        plane.api.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
        for number in range(NODEPOOLS):
            plane.api.create(of.a_nodepool(f"pool-{number}", budgets=[{"nodes": "10"}]))
        sets = [_service(plane, f"svc-{n}", n % 2) for n in range(-(-self.pods // REPLICAS))]
        nodes, claims = range(self.nodes), range(self.nodes)
        _multiply(plane, "/registry/minions/", map(a_node, nodes))
        _multiply(plane, "/registry/karpenter.sh/nodeclaims/", map(a_claim, claims))
        pods = (a_pod(n, n // self.pods_of_a_node, sets[n % len(sets)]) for n in range(self.pods))
        _multiply(plane, "/registry/pods/default/", pods)


def _service(plane: ControlPlane, name: str, protected: int) -> Manifest:
    """A Deployment, with a budget if it is protected; its ReplicaSet."""
    deployment = plane.api.create(of.a_workload("Deployment", name, REPLICAS))
    made = of.a_workload("ReplicaSet", name, REPLICAS, owned_by=deployment)
    made["metadata"]["labels"] = {"app": name}
    if protected:
        plane.api.create(of.a_budget(name, 1, {"matchLabels": {"app": name}}))
    return plane.api.create(made)


def _multiply(plane: ControlPlane, folder: str, manifests: Iterable[Manifest]) -> None:
    """Store all that the API server would make of the manifests, judging by the first."""
    found = iter(manifests)
    first = plane.api.create(next(found))
    plane.put(
        (f"{folder}{one['metadata']['name']}", _as_stored(first, one, number))
        for number, one in enumerate(found, 1)
    )


def _as_stored(first: Manifest, made: Manifest, number: int) -> Manifest:
    """The manifest with what the API server added to the first of its kind."""
    uid = f"00000000-0000-4000-8000-{number:012d}"
    about = {**first["metadata"], **made["metadata"], "uid": uid}
    del about["resourceVersion"]
    own = {key: made["spec"][key] for key in OF_ITS_OWN if key in made["spec"]}
    spec, status = {**first["spec"], **own}, {**first["status"], **made["status"]}
    return {**first, "metadata": about, "spec": spec, "status": status}


def pool_of(node: int) -> Pool:
    """The pool of a node by its number."""
    return POOLS[node % len(POOLS)]


def node_name(number: int) -> str:
    """A name as EC2 gives it."""
    return f"ip-10-{number >> 16}-{number >> 8 & 255}-{number & 255}.ec2.internal"


def a_node(number: int) -> Manifest:
    """A GPU node with the labels, images and conditions of one on EKS: about 10 kB."""
    pool = pool_of(number)
    made = of.a_node(node_name(number), labels=_labels(number))
    made["metadata"]["annotations"] = {
        "alpha.kubernetes.io/provided-node-ip": "10.0.0.1",
        "csi.volume.kubernetes.io/nodeid": f'{{"ebs.csi.aws.com":"i-{number:017x}"}}',
        "karpenter.k8s.aws/ec2nodeclass-hash": "17542196034872131337",
        "karpenter.sh/nodepool-hash": "5327618192873645100",
        "node.alpha.kubernetes.io/ttl": "0",
    }
    made["spec"]["providerID"] = f"aws:///{pool.zone}/i-{number:017x}"
    amounts = {"cpu": "4", "memory": "16Gi", "nvidia.com/gpu": "1", "pods": "29"}
    quiet = ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable", "GPUUnhealthy")
    made["status"] |= {
        "addresses": [
            {"type": "InternalIP", "address": "10.0.0.1"},
            {"type": "Hostname", "address": node_name(number)},
        ],
        "capacity": amounts,
        "allocatable": amounts,
        "conditions": [of.condition("Ready"), *(of.condition(one, "False") for one in quiet)],
        "images": [_image(n) for n in range(IMAGES)],
    }
    return made


def a_claim(number: int) -> Manifest:
    """The NodeClaim of that node."""
    made = of.a_claim(f"pool-{number % NODEPOOLS}-{number:05d}", node_name(number))
    made["metadata"]["labels"] = _labels(number)
    made["spec"]["requirements"] += [
        {"key": "topology.kubernetes.io/zone", "operator": "In", "values": list(ZONES)},
        {"key": "karpenter.k8s.aws/instance-family", "operator": "In", "values": list(TYPES)},
    ]
    provider_id = f"aws:///{pool_of(number).zone}/i-{number:017x}"
    settled = ("Launched", "Registered", "Initialized", "Consolidatable", "Ready")
    made["status"] |= {
        "providerID": provider_id,
        "imageID": "ami-0123456789abcdef0",
        "conditions": [of.condition(one) for one in settled],
    }
    return made


def a_pod(number: int, node: int, owned_by: Manifest) -> Manifest:
    """A Ready inference server with environment, volumes and probes."""
    app = owned_by["metadata"]["labels"]["app"]
    made = of.a_pod(f"{app}-{number:06d}", node_name(node), owned_by=owned_by, labels={"app": app})
    (container,) = made["spec"]["containers"]
    probe = {"httpGet": {"path": "/health", "port": 8000}, "periodSeconds": 10}
    container |= {
        "args": ["--model", "/models/llm", "--max-model-len", "8192", "--tensor-parallel-size=1"],
        "env": [{"name": f"SETTING_{n}", "value": f"value-{n}"} for n in range(ENVIRONMENT)],
        "resources": {"limits": {"nvidia.com/gpu": "1", "cpu": "3", "memory": "12Gi"}},
        "readinessProbe": probe,
        "livenessProbe": probe,
        "volumeMounts": [{"name": "models", "mountPath": "/models"}],
    }
    made["spec"] |= {
        "automountServiceAccountToken": False,
        "volumes": [{"name": "models", "emptyDir": {}}],
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
    }
    settled = ("PodScheduled", "Initialized", "ContainersReady", "Ready")
    made["status"]["conditions"] = [of.condition(one) for one in settled]
    return made


def _labels(number: int) -> dict[str, str]:
    pool = pool_of(number)
    facts = (
        "cpu",
        "memory",
        "gpu-count",
        "gpu-memory",
        "gpu-name",
        "hypervisor",
        "network",
        "size",
    )
    return {
        **of.SPOT_LABELS,
        **{f"karpenter.k8s.aws/instance-{fact}": "1" for fact in facts},
        "karpenter.sh/nodepool": f"pool-{number % NODEPOOLS}",
        "karpenter.sh/registered": "true",
        "karpenter.sh/initialized": "true",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": node_name(number),
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": pool.instance_type,
        "topology.kubernetes.io/region": pool.region,
        "topology.kubernetes.io/zone": pool.zone,
        "topology.k8s.aws/zone-id": pool.zone,
    }


def _image(number: int) -> Manifest:
    name = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/serving/server-{number}"
    return {"names": [f"{name}@sha256:{number:064x}", f"{name}:v1.{number}"], "sizeBytes": number}
