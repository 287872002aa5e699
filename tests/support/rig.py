"""A whole cluster on loopback: control plane, kwok for the nodes, and Karpenter buying on a market.

All programs are the real ones. Simulated are the machines (kwok), the market that Karpenter buys on
(deploy/cluster/karpenter/market.go), and the time that things take: a machine's boot by the node
class, a pod's image and model by the annotation `READY_AFTER`.
"""

import json
import os
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from advisor.karpenter.labels import WARMING
from tests.support.authority import LOOPBACK
from tests.support.control_plane import FOLDER, START_SECONDS, ControlPlane, answers
from tests.support.kube_api import documents
from tests.support.kwok_market import Manifest, instance_types, node_class, on_kwok
from tests.support.kwok_market import without_capacity as sold_out
from tests.support.processes import Program, free_port
from warehouse.records import CapacityType, Offering

PROGRAMS = ("control-plane", "kwok", "karpenter")
"""What `tests.support.control_plane.missing` must find for a rig."""

READY_AFTER = "spotcast.test/ready-after"
"""Annotation of a pod: how long after its node has it until it is Ready (``5s``)."""

GATES = "NodeOverlay=true,CapacityBuffer=true,SpotToSpotConsolidation=true"
BOOT = "2s"
AUTOSCALING = (
    "--horizontal-pod-autoscaler-sync-period=5s",
    "--horizontal-pod-autoscaler-downscale-stabilization=15s",
)
"""For the 15 s and 5 min that Kubernetes has by itself."""
PROVIDER_PREFIX = "kwok://"


class Rig:
    """A running cluster; ``plane`` is its control plane and ``api`` speaks to it."""

    def __init__(
        self, plane: ControlPlane, offerings: Iterable[Offering], *, gates: str = GATES
    ) -> None:
        """Start what is beside the API server, with the market of ``offerings``."""
        self.plane, self.api = plane, plane.api
        self._gates = gates
        self._market = plane.folder / "instance-types.json"
        self._market.write_text(json.dumps(instance_types(offerings)), encoding="utf-8")
        self.api.install_crds(FOLDER / "crds")
        self._start_controllers()
        self._start_kwok()
        self.karpenter = self.start_karpenter()

    def use(self, *manifests: Mapping[str, Any], boot: str = BOOT) -> None:
        """Apply manifests; NodePools and NodeClaims get machines that boot within ``boot``."""
        for one in manifests:
            if one["kind"] in {"NodePool", "NodeClaim"}:
                spec = one["spec"].get("template", one)["spec"]
                self.api.create(node_class(spec["nodeClassRef"]["name"], boot))
                self.api.create(on_kwok(one))
            else:
                self.api.create(one)

    def sell_out(self, *pools: Offering) -> None:
        """Let these pools, and no others, have no capacity; running machines stay."""
        self.api.create(sold_out((one.pool, one.capacity_type.value) for one in pools))

    def nodes(self) -> list[Manifest]:
        """The nodes that are there, by name."""
        found = self.api.every("v1", "Node")
        return sorted(found, key=lambda one: str(one["metadata"]["name"]))

    def node(self, name: str) -> Manifest:
        """The node of that name; {} if it is gone."""
        return self.api.find(_node(name)) or {}

    def warm(self, node: str) -> None:
        """Take the warming taint off the node: images and models are there."""
        taints = self.node(node)["spec"].get("taints", ())
        left = [one for one in taints if one["key"] != WARMING]
        self.api.merge(_node(node), {"spec": {"taints": left}})

    def pods(self, app: str) -> list[Manifest]:
        """The pods of a `deployment`, but those that are going."""
        found = self.api.every("v1", "Pod", labelSelector=f"app={app}")
        return [one for one in found if "deletionTimestamp" not in one["metadata"]]

    def ready_pods(self, app: str) -> list[Manifest]:
        """Those of the pods that are Ready."""
        return [one for one in self.pods(app) if is_true(one, "Ready")]

    def announce(self, node: str, condition: str = "InstanceExpired") -> None:
        """Let the cloud say that it will take the machine, by a condition of the node."""
        said = {
            "type": condition,
            "status": "True",
            "reason": "InterruptionNotice",
            "lastTransitionTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        path = f"{self.api.path_of(_node(node))}/status"
        # A merge patch would replace the other conditions; this one merges by type.
        self.api.http.patch(
            path,
            json={"status": {"conditions": [said]}},
            headers={"content-type": "application/strategic-merge-patch+json"},
        ).raise_for_status()

    def take(self, node: str) -> None:
        """Let the cloud take the machine now: node and pods are gone, nobody was asked."""
        self.api.merge(_node(node), {"metadata": {"finalizers": None}})
        self.api.delete(_node(node))
        for pod in self.api.every("v1", "Pod", fieldSelector=f"spec.nodeName={node}"):
            about = {"apiVersion": "v1", "kind": "Pod", "metadata": pod["metadata"]}
            self.api.http.delete(
                self.api.path_of(about), params={"gracePeriodSeconds": "0"}
            ).raise_for_status()

    def start_karpenter(self) -> Program:
        """Start Karpenter; to start it anew, stop the program that this gave before."""
        health = free_port()
        settings = {
            "KUBECONFIG": str(self.plane.kubeconfig()),
            "DISABLE_LEADER_ELECTION": "true",
            "SYSTEM_NAMESPACE": "kube-system",
            "INSTANCE_TYPES_FILE_PATH": str(self._market),
            "FEATURE_GATES": self._gates,
            "METRICS_PORT": str(free_port()),
            "HEALTH_PROBE_PORT": str(health),
            # Nobody adds pods one by one here.
            "BATCH_IDLE_DURATION": "200ms",
            "BATCH_MAX_DURATION": "2s",
        }
        program = self.plane.run(
            [str(FOLDER / "bin" / "karpenter")], "karpenter", environment(settings)
        )
        url = f"http://{LOOPBACK}:{health}/readyz"
        program.wait_until(lambda: answers(url), START_SECONDS)
        return program

    def _start_controllers(self) -> None:
        plane, config = self.plane, str(self.plane.kubeconfig())
        common = [f"--kubeconfig={config}", "--leader-elect=false", "--secure-port=0"]
        binary = str(FOLDER / "bin" / "control-plane")
        controllers = plane.run(
            [
                *(binary, "kube-controller-manager", *common),
                f"--service-account-private-key-file={plane.account_key}",
                f"--root-ca-file={plane.authority.certificate}",
                "--concurrent-deployment-syncs=2",
                *AUTOSCALING,
            ],
            "kube-controller-manager",
            environment({}),
        )
        plane.run([binary, "kube-scheduler", *common], "kube-scheduler", environment({}))
        # Pods need the account that the controllers make.
        controllers.wait_until(self._has_default_account, START_SECONDS)

    def _start_kwok(self) -> None:
        stages = self.plane.folder / "stages.yaml"
        stages.write_text(yaml.safe_dump_all(_stages()), encoding="utf-8")
        command = [
            str(FOLDER / "bin" / "kwok"),
            f"--kubeconfig={self.plane.kubeconfig()}",
            f"--config={stages}",
            "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
            "--node-lease-duration-seconds=40",
            "--cidr=10.64.0.0/12",
            f"--node-ip={LOOPBACK}",
        ]
        self.plane.run(command, "kwok", environment({}))

    def _has_default_account(self) -> bool:
        about = {"name": "default", "namespace": "default"}
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": about}
        return self.api.find(account) is not None


@contextmanager
def rig(folder: Path, offerings: Iterable[Offering], *, gates: str = GATES) -> Generator[Rig]:
    """A whole cluster while the context lasts; ``folder`` must be empty."""
    plane = ControlPlane(folder)
    try:
        yield Rig(plane, offerings, gates=gates)
    finally:
        plane.stop()


def deployment(
    app: str,
    replicas: int,
    *,
    gpus: int = 1,
    ready_after: str = "0s",
    tolerates: Iterable[str] = (),
    spec: Mapping[str, Any] | None = None,
) -> Manifest:
    """A service of ``replicas`` pods with ``gpus`` NVIDIA GPUs each; ``spec`` adds to the pod's."""
    amounts = {"cpu": "1", "memory": "1Gi"} | ({"nvidia.com/gpu": str(gpus)} if gpus else {})
    tolerated = ("nvidia.com/gpu", *tolerates)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": app},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": app}},
            "template": {
                "metadata": {"labels": {"app": app}, "annotations": {READY_AFTER: ready_after}},
                "spec": {
                    "containers": [
                        {
                            "name": "server",
                            "image": "example.com/server:1",
                            "resources": {"requests": amounts, "limits": amounts},
                        }
                    ],
                    "tolerations": [{"key": key, "operator": "Exists"} for key in tolerated],
                    **(spec or {}),
                },
            },
        },
    }


def is_true(thing: Mapping[str, Any], condition: str) -> bool:
    """Whether a node's or a pod's condition is True."""
    found = thing.get("status", {}).get("conditions", ())
    return any(one["type"] == condition and one["status"] == "True" for one in found)


def pool_of(node: Mapping[str, Any]) -> tuple[str, str, CapacityType]:
    """Type, zone and capacity type of the node's machine."""
    labels = node["metadata"]["labels"]
    return (
        labels["node.kubernetes.io/instance-type"],
        labels["topology.kubernetes.io/zone"],
        CapacityType(labels["karpenter.sh/capacity-type"]),
    )


def _stages() -> list[Manifest]:
    """Kwok's own stages, and the time that a pod takes until it is Ready."""
    stages = [one for path in sorted((FOLDER / "stages").glob("*.yaml")) for one in documents(path)]
    (ready,) = (one for one in stages if one["metadata"]["name"] == "pod-ready")
    delay = {"expressionFrom": f'.metadata.annotations["{READY_AFTER}"]'}
    ready["spec"]["delay"] = {"durationMilliseconds": 0, "durationFrom": delay}
    return stages


def _node(name: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The environment of a program: nothing of ours but where programs are found."""
    return {"PATH": os.environ.get("PATH", ""), "HOME": "/nonexistent", **settings}
