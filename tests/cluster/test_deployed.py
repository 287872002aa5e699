"""What is under deploy/ for Kubernetes, as a real API server takes it: as written, nothing unknown.

The namespace enforces the Pod Security Standard ``restricted``, the strictest that there is.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from api.alerts.prometheus import operator_rule
from api.config.alerts import AlertsSection
from tests.support import prometheus
from tests.support.control_plane import ControlPlane, running
from tests.support.kube_api import APPLY, FIELD_MANAGER, said

Manifest = dict[str, Any]
ROOT = Path(__file__).parents[2]
SERVE = ROOT / "deploy" / "serve" / "spotcast.yaml"
FILES = [SERVE, *sorted((ROOT / "deploy" / "rbac").glob("*.yaml"))]
TEXTS = [
    pytest.param(text, id=f"{path.name}-{number}")
    for path in FILES
    for number, text in enumerate(path.read_text(encoding="utf-8").split("\n---\n"))
]
NAMESPACE = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {
        "name": "spotcast",
        "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
    },
}


@pytest.fixture(scope="module")
def cluster(_binaries: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An API server with the namespace of docs/serve.md."""
    with running(tmp_path_factory.mktemp("deployed")) as plane:
        plane.api.create(NAMESPACE)
        yield plane


def applied(cluster: ControlPlane, text: str, *, dry_run: bool = False) -> httpx.Response:
    """Server-side apply of YAML as it stands, unknown and repeated fields refused."""
    asked = {
        "fieldManager": FIELD_MANAGER,
        "fieldValidation": "Strict",
        **({"dryRun": "All"} if dry_run else {}),
    }
    path = cluster.api.path_of(yaml.safe_load(text))
    return cluster.api.http.patch(path, params=asked, headers=APPLY, content=text)


def pod_of(text: str) -> Manifest:
    """The pod that the Deployment of this YAML makes."""
    template = yaml.safe_load(text)["spec"]["template"]
    about = {**template["metadata"], "name": "spotcast-0", "namespace": "spotcast"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": template["spec"]}


def deployment() -> str:
    """The Deployment, as written."""
    (found,) = (
        one
        for one in SERVE.read_text(encoding="utf-8").split("\n---\n")
        if "\nkind: Deployment\n" in one
    )
    return found


@pytest.mark.parametrize("text", TEXTS)
def test_every_manifest_is_taken_and_nothing_in_it_is_warned_of(
    cluster: ControlPlane, text: str
) -> None:
    answer = applied(cluster, text)
    assert said(answer)["metadata"]["name"]
    assert "warning" not in answer.headers


def test_a_field_that_is_not_known_is_refused(cluster: ControlPlane) -> None:
    text = deployment().replace("      containers:\n", "      container: x\n      containers:\n")
    answer = applied(cluster, text, dry_run=True)
    assert not answer.is_success
    assert "container" in answer.json()["message"]


@pytest.mark.smoke
def test_the_pod_may_run_where_pods_are_restricted(cluster: ControlPlane) -> None:
    said(applied(cluster, SERVE.read_text(encoding="utf-8").split("\n---\n")[0]))
    pod = pod_of(deployment())
    loose = deepcopy(pod)
    loose["spec"]["securityContext"]["runAsNonRoot"] = False
    path = "/api/v1/namespaces/spotcast/pods"
    asked = {"dryRun": "All", "fieldValidation": "Strict"}

    made = said(cluster.api.http.post(path, params=asked, json=pod))
    refused = cluster.api.http.post(path, params=asked, json=loose)

    assert refused.status_code == 403
    assert "restricted" in refused.json()["message"]
    (keys,) = (one for one in made["spec"]["volumes"] if one["name"] == "keys")
    assert keys["secret"]["defaultMode"] == 0o440
    # No token of the cluster, and no variables of its Services: SPOTCAST_PORT looks like ours.
    assert [one["name"] for one in made["spec"]["volumes"]] == ["data", "keys", "config", "tmp"]
    assert made["spec"]["enableServiceLinks"] is False


def test_the_operator_takes_our_rules_and_no_field_that_it_does_not_know(
    cluster: ControlPlane,
) -> None:
    if why := prometheus.missing():
        pytest.skip(why)
    cluster.api.install_crds(prometheus.CRDS)
    rule = operator_rule(AlertsSection())
    rule["metadata"]["namespace"] = "spotcast"
    wrong = deepcopy(rule)
    wrong["spec"]["groups"][0]["rules"][0]["keep_firing"] = "60s"

    answer = applied(cluster, json.dumps(rule))
    refused = applied(cluster, json.dumps(wrong), dry_run=True)

    assert said(answer)["spec"] == rule["spec"]
    assert "warning" not in answer.headers
    assert "keep_firing" in refused.json()["message"]
    assert not refused.is_success
