"""A real cluster that the collector watches, as the service account and role of the docs.

What stands in it is put there as the clouds and Karpenter would: nodes, claims and events.
"""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from collector.provider import Feed
from collector.providers.kubernetes.client import KubernetesConnection
from collector.providers.kubernetes.resources import EVENTS, NODECLAIMS, NODES
from collector.run import progress, run_feed
from tests.support.control_plane import ControlPlane
from tests.support.kubernetes import Clock, a_node, cluster_at
from tests.support.processes import wait_for
from warehouse.runs import RunResult
from warehouse.store import Warehouse

PAGE = (Path(__file__).parents[2] / "docs" / "providers" / "kubernetes.md").read_text("utf-8")
ACCOUNT = "spotcast"
"""The service account that the documented binding names, and its namespace."""

USER = f"system:serviceaccount:{ACCOUNT}:{ACCOUNT}"
RESOURCES = tuple(one.name for one in (NODES, EVENTS, NODECLAIMS))

WATCH_SECONDS = 1

Run = Callable[..., RunResult]
"""Runs a feed once, and goes on where its last stored run ended: ``run(feed, seconds)``."""


def as_account(plane: ControlPlane) -> dict[str, str]:
    """The environment of the service account, with a token of its own."""
    return {"KUBECONFIG": str(plane.kubeconfig(token=plane.api.token(ACCOUNT, ACCOUNT)))}


def run_as(
    environ: dict[str, str], warehouse: Warehouse, feed: Feed, seconds: int = WATCH_SECONDS
) -> RunResult:
    """Run a feed once with that environment; a watch waits for news for ``seconds``."""
    clock = Clock(now())
    connection = KubernetesConnection(environ, clock=now, watch_seconds=seconds)
    kept = progress(warehouse, feed.name, "*")
    with cluster_at("", clock, connections={"kubernetes": connection}, progress=kept) as source:
        return run_feed(warehouse, feed, source, now).result


def now() -> datetime:
    """The real time: the server writes its own on what it makes."""
    return datetime.now(UTC)


def documented() -> list[dict[str, Any]]:
    """The role and its binding, as the page gives them."""
    (block,) = re.findall(r"```yaml\n(.+?)```", PAGE, re.DOTALL)
    return list(yaml.safe_load_all(block))


def grant(plane: ControlPlane, role: list[dict[str, Any]]) -> None:
    """Give the service account that role and nothing else."""
    plane.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ACCOUNT}})
    about = {"name": ACCOUNT, "namespace": ACCOUNT}
    plane.api.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": about})
    for one in role:
        plane.api.create(one)
    wished = {resource for resource in RESOURCES if allows(role[0], resource)}
    # The server reads roles by a watch of its own, a moment later.
    wait_for(lambda: granted(plane) == wished, f"the role for {wished}")


def granted(plane: ControlPlane) -> set[str]:
    """What the service account may list."""
    return {resource for resource in RESOURCES if plane.api.may(USER, "list", resource)}


def allows(role: dict[str, Any], resource: str) -> bool:
    """Whether a rule of the role names the resource, by its name with its group."""
    name, _, group = resource.partition(".")
    return any(group in one["apiGroups"] and name in one["resources"] for one in role["rules"])


def node(name: str, **given: Any) -> dict[str, Any]:
    """A node as it is applied: the server gives it its uid and its time."""
    made = a_node(name, created=now(), **given)
    made["metadata"] = {key: made["metadata"][key] for key in ("name", "labels")}
    return {"apiVersion": "v1", "kind": "Node", **made}


def event(name: str, subject: dict[str, str], reason: str = "SpotInterrupted") -> dict[str, Any]:
    """An event, as Karpenter's recorder writes it."""
    at = now().strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": "default"},
        "involvedObject": {"namespace": "default", **subject},
        "reason": reason,
        "type": "Warning",
        "message": "Spot interruption warning was triggered",
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
        "source": {"component": "karpenter"},
    }


def claim(name: str, *, status: str = "True", reason: str = "Launched") -> dict[str, Any]:
    """A NodeClaim of a spot machine; ``status`` and ``reason`` are of its launch."""
    where = {"karpenter.sh/capacity-type": "spot", "node.kubernetes.io/instance-type": "g5.xlarge"}
    where |= {"topology.kubernetes.io/zone": "us-east-1a"}
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodeClaim",
        "metadata": {"name": name, "labels": where},
        "spec": {
            "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "gpu"},
            "requirements": [
                {"key": key, "operator": "In", "values": [value]} for key, value in where.items()
            ],
        },
        "status": {
            "providerID": "aws:///us-east-1a/i-1",
            "conditions": [
                {
                    "type": "Launched",
                    "status": status,
                    "reason": reason,
                    "message": "",
                    "lastTransitionTime": now().strftime("%Y-%m-%dT%H:%M:%SZ"),
                }
            ],
        },
    }


def version(warehouse: Warehouse, feed: Feed) -> int:
    """Where the feed goes on."""
    return int(json.loads(progress(warehouse, feed.name, "*").cursor or "")["version"])
