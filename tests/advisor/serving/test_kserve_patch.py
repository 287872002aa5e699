"""The baseline patch: what it mends stays mended, and every manifest that it makes is accepted."""

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advisor.serving.kserve_finding import Severity
from advisor.serving.kserve_findings import findings
from advisor.serving.kserve_patch import Baseline, baseline, disruption_budget
from advisor.serving.patching import json_patch, merge_patch
from tests.support.crd import judge
from tests.support.kserve import QWEN_32B, a_service, ids, sample, services, subject, with_model
from tests.support.merging import applied_json, applied_merge

PROVIDERS = st.sampled_from(["aws", "alibaba", "gcp", "azure", None])


def mended(*manifests: Any, **given: Any) -> Baseline:
    """The baseline of the first service of the manifests."""
    wanted = {one: given.pop(one) for one in ("replicas", "gpus") if one in given}
    one = subject(*manifests, **given)
    return baseline(one, findings(one), **wanted)


def test_the_corrected_samples_need_no_patch() -> None:
    for name in ("corrected", "llm"):
        made = mended(*sample(name))
        assert merge_patch(made.before, made.mended) == {}
        assert json_patch(made.before, made.mended) == []
        assert (made.budget is None) == (name == "corrected")


def test_the_talks_service_is_mended_but_for_what_a_person_decides() -> None:
    made = mended(sample("talk")[0], provider="aws", model=QWEN_32B)

    left = subject(made.mended, made.budget, provider="aws", model=QWEN_32B)
    assert ids(findings(left)) == ["PROGRESS-DEADLINE", "SINGLE-REPLICA"]
    assert ids(made.left) == ["PROGRESS-DEADLINE", "SINGLE-REPLICA"]


def test_gpus_are_moved_and_not_copied() -> None:
    made = mended(sample("talk")[0], model=QWEN_32B)

    predictor = made.mended["spec"]["predictor"]
    assert "resources" not in predictor
    assert predictor["model"]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert merge_patch(made.before, made.mended)["spec"]["predictor"]["resources"] is None


def test_what_the_pod_as_a_whole_may_ask_for_stays_there() -> None:
    resources = {"limits": {"nvidia.com/gpu": "1", "memory": "90Gi"}}
    manifest = with_model(a_service(resources=resources), resources=None)

    predictor = mended(manifest).mended["spec"]["predictor"]

    assert predictor["resources"] == {"limits": {"memory": "90Gi"}}


def test_a_list_is_patched_with_all_that_was_in_it() -> None:
    manifest = a_service(tolerations=[{"key": "spot", "operator": "Exists"}])

    change = merge_patch(manifest, mended(manifest).mended)

    assert [one["key"] for one in change["spec"]["predictor"]["tolerations"]] == [
        "spot",
        "nvidia.com/gpu",
    ]


def test_each_term_of_an_affinity_is_narrowed() -> None:
    zones = [
        {"matchExpressions": [{"key": "zone", "operator": "In", "values": [one]}]} for one in "ab"
    ]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": zones}}
    manifest = a_service(affinity={"nodeAffinity": required})

    made = mended(manifest, provider="aws", model=QWEN_32B).mended["spec"]["predictor"]

    node = made["affinity"]["nodeAffinity"]
    terms = node["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert [[one["key"] for one in term["matchExpressions"]] for term in terms] == [
        ["zone", "karpenter.k8s.aws/instance-gpu-memory"]
    ] * 2


def test_a_budget_that_lets_nothing_go_is_changed_and_not_doubled() -> None:
    budget = deepcopy(sample("corrected")[1])
    budget["spec"] = {"minAvailable": 2, "selector": budget["spec"]["selector"]}

    made = mended(a_service(), budget)

    assert made.budget is None
    assert made.budget_patches == {
        "deepseek-r1-predictor": {"spec": {"minAvailable": None, "maxUnavailable": 1}}
    }


def test_the_budget_selects_the_services_own_pods() -> None:
    (llm,) = sample("llm")
    knative = a_service()
    knative["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] = "Knative"

    selectors = [
        disruption_budget(subject(one))["spec"]["selector"]["matchLabels"]
        for one in (a_service(), knative, llm)
    ]

    assert selectors == [
        {"app": "isvc.deepseek-r1-predictor"},
        {"serving.knative.dev/service": "deepseek-r1-predictor"},
        {
            "app.kubernetes.io/name": "deepseek-r1",
            "app.kubernetes.io/component": "llminferenceservice-workload",
            "app.kubernetes.io/part-of": "llminferenceservice",
        },
    ]


def test_replicas_and_gpus_are_set_where_they_are_asked_for() -> None:
    made = mended(a_service(maxReplicas=2), replicas=3, gpus=2).mended["spec"]["predictor"]

    assert (made["minReplicas"], made["maxReplicas"]) == (3, 3)
    assert made["model"]["resources"]["limits"]["nvidia.com/gpu"] == "2"
    assert made["model"]["resources"]["requests"]["nvidia.com/gpu"] == "2"


def test_prestop_sleeps_no_longer_than_half_of_the_grace_period() -> None:
    manifest = with_model(a_service(affinity=None), lifecycle=None)

    made = mended(manifest, provider="gcp").mended["spec"]["predictor"]

    assert made["terminationGracePeriodSeconds"] == 15
    assert made["model"]["lifecycle"]["preStop"]["exec"]["command"] == ["/bin/sleep", "7"]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(manifest=services(), provider=PROVIDERS, has_model=st.booleans())
def test_every_mended_service_is_accepted_and_needs_no_second_patch(
    manifest: dict[str, Any], provider: str | None, *, has_model: bool
) -> None:
    known: dict[str, Any] = {"provider": provider, "model": QWEN_32B if has_model else None}
    before = deepcopy(manifest)

    made = mended(manifest, **known)

    assert manifest == before
    assert judge("kserve", made.mended).errors == ()
    again = subject(made.mended, made.budget, **known)
    assert [one.id for one in findings(again) if one.is_mended] == []


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(manifest=services())
def test_both_patches_make_of_the_old_manifest_the_new_one(manifest: dict[str, Any]) -> None:
    made = mended(manifest)

    merge = json.loads(json.dumps(merge_patch(made.before, made.mended)))
    operations = json.loads(json.dumps(json_patch(made.before, made.mended)))

    assert applied_merge(manifest, merge) == made.mended
    assert applied_json(manifest, operations) == made.mended


@pytest.mark.parametrize("name", ["talk", "corrected", "llm"])
def test_every_sample_that_we_ship_is_accepted(name: str) -> None:
    known = [one for one in sample(name) if str(one["apiVersion"]).startswith("serving.kserve.io")]

    assert known
    assert [judge("kserve", one).errors for one in known] == [()] * len(known)


def test_a_mended_finding_is_no_error_that_stays() -> None:
    made = mended(sample("talk")[0], provider="aws", model=QWEN_32B)

    assert [one for one in made.left if one.severity is Severity.ERROR] == []
