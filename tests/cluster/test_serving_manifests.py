"""KServe's manifests that we ship and mend are accepted by a real API server, as applied.

Server-side apply with ``dryRun=All`` and unknown fields refused, against KServe's own CRDs.
KServe's and Fluid's webhooks do not run here.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advisor.kubernetes import KubernetesCluster
from advisor.serving.kserve_findings import findings
from advisor.serving.kserve_objects import objects_of
from advisor.serving.kserve_patch import baseline
from advisor.serving.kserve_services import services_of
from advisor.serving.patching import json_patch, merge_patch
from tests.support.control_plane import ControlPlane, running
from tests.support.crd import FOLDER as CRDS
from tests.support.kserve import QWEN_32B, sample, services, subject
from tests.support.kube_api import documents
from tests.support.processes import wait_for

TOLD_SECONDS = 120.0
RBAC = Path(__file__).parents[2] / "deploy" / "rbac" / "kserve.yaml"
USER = "system:serviceaccount:spotcast:spotcast"
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "serving"}}


@pytest.fixture(scope="module")
def kserve(_binaries: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An API server with KServe's CRDs."""
    with running(tmp_path_factory.mktemp("kserve")) as plane:
        plane.api.install_crds(CRDS / "kserve")
        # Of CRDs as large as these the server tells later than it serves them.
        for version in ("v1beta1", "v1alpha2"):
            wait_for(partial(_is_told, plane, version), f"{version} told of", TOLD_SECONDS)
        plane.api.create(NAMESPACE)
        yield plane


def _is_told(plane: ControlPlane, version: str) -> bool:
    return plane.api.http.get(f"/apis/serving.kserve.io/{version}").is_success


def refusal(plane: ControlPlane, manifest: dict[str, Any]) -> str | None:
    """What the server says against the manifest; None if it takes it."""
    answer = plane.api.apply(manifest, dry_run=True)
    return None if answer.is_success else f"{manifest['kind']}: {answer.json()['message']}"


@pytest.mark.parametrize("name", ["talk", "corrected", "llm"])
def test_every_sample_is_accepted(kserve: ControlPlane, name: str) -> None:
    known = [one for one in sample(name) if one["kind"] != "ECSNodeClass"]

    assert known
    assert [said for one in known if (said := refusal(kserve, one))] == []


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(manifest=services(), provider=st.sampled_from(["aws", "alibaba", "gcp", "azure"]))
def test_every_mended_service_and_its_budget_are_accepted(
    kserve: ControlPlane, manifest: dict[str, Any], provider: str
) -> None:
    one = subject(manifest, provider=provider, model=QWEN_32B)
    made = baseline(one, findings(one), replicas=2)

    wanted = [dict(made.mended), *([dict(made.budget)] if made.budget else [])]
    assert [said for each in wanted if (said := refusal(kserve, each))] == []


def test_the_documented_role_is_enough_to_read_a_namespace(kserve: ControlPlane) -> None:
    account = {"name": "spotcast", "namespace": "spotcast"}
    spotcast = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "spotcast"}}
    kserve.api.create(spotcast)
    kserve.api.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
    for one in documents(RBAC):
        kserve.api.create(one)
    corrected, budget = sample("corrected")
    kserve.api.create(corrected)
    kserve.api.create(budget)
    config = str(kserve.kubeconfig(token=kserve.api.token("spotcast", "spotcast")))

    with KubernetesCluster(kubeconfig=config) as cluster:
        found = objects_of(cluster.serving("serving"), is_whole=True)

    kserve.api.delete(corrected)
    kserve.api.delete(budget)
    assert [one.name for one in services_of(found)] == ["deepseek-r1"]
    assert len(found.budgets) == 1
    assert not kserve.api.may(USER, "list", "secrets")
    assert not kserve.api.may(USER, "patch", "inferenceservices.serving.kserve.io")


@pytest.mark.parametrize("kind", ["merge", "json"])
def test_each_patch_makes_of_what_is_there_what_it_says(kserve: ControlPlane, kind: str) -> None:
    manifest = sample("talk")[0]
    one = subject(manifest, provider="aws", model=QWEN_32B)
    made = baseline(one, findings(one))
    kserve.api.create(manifest)

    change = merge_patch if kind == "merge" else json_patch
    answer = kserve.api.http.patch(
        kserve.api.path_of(manifest),
        json=change(made.before, made.mended),
        headers={"content-type": f"application/{kind}-patch+json"},
    )

    stands = answer.raise_for_status().json()
    kserve.api.delete(manifest)
    assert stands["spec"] == made.mended["spec"]
    assert stands["metadata"]["annotations"] == made.mended["metadata"]["annotations"]
