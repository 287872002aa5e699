"""What is said of a service: each finding where it belongs, and none of what is well."""

from dataclasses import replace
from typing import Any

import pytest

from advisor.serving.kserve_demand import Asked, demand_of_service
from advisor.serving.kserve_finding import Severity
from advisor.serving.service import Mode
from tests.support.kserve import QWEN_32B, a_service, found, ids, read, sample, subject, with_model
from tests.support.offerings import offering

MODE = "serving.kserve.io/deploymentMode"
AUTOSCALER = "serving.kserve.io/autoscalerClass"


def annotated(manifest: dict[str, Any], **annotations: str) -> dict[str, Any]:
    """The manifest in another mode, or with another autoscaler."""
    names = {"mode": MODE, "autoscaler": AUTOSCALER}
    held = manifest["metadata"]["annotations"]
    held |= {names[key]: value for key, value in annotations.items()}
    return manifest


def a_budget(**spec: Any) -> dict[str, Any]:
    """A PodDisruptionBudget of the sample's pods."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "own", "namespace": "serving"},
        "spec": {"selector": {"matchLabels": {"app": "isvc.deepseek-r1-predictor"}}, **spec},
    }


def test_the_talks_service_gets_the_right_findings() -> None:
    several = found(*sample("talk"))

    assert [(one.id, one.severity.value, one.place) for one in several] == [
        ("KSERVE-RESOURCES-LEVEL", "error", "spec.predictor.resources"),
        ("KSERVE-READINESS", "error", "spec.predictor.model.readinessProbe"),
        ("KSERVE-RUNTIME-RESOURCES", "warning", "spec.predictor.model.resources"),
        ("KSERVE-GPU-TOO-SMALL", "warning", "spec.predictor.affinity"),
        ("KSERVE-CONTEXT-LENGTH", "warning", "spec.predictor.model.args"),
        ("KSERVE-STARTUP", "warning", "spec.predictor.model.startupProbe"),
        ("KSERVE-PROGRESS-DEADLINE", "warning", "spec.predictor.deploymentStrategy"),
        ("KSERVE-CONCURRENCY-INERT", "warning", "spec.predictor.containerConcurrency"),
        (
            "KSERVE-CONTAINEROS-FLUID",
            "warning",
            "ECSNodeClass defaultnodeclass: spec.imageSelectorTerms",
        ),
        ("KSERVE-MODE-UNSAID", "info", f'metadata.annotations["{MODE}"]'),
        ("KSERVE-SINGLE-REPLICA", "info", "spec.predictor.minReplicas"),
        ("KSERVE-NO-PRESTOP", "info", "spec.predictor.model.lifecycle.preStop"),
        ("KSERVE-ROLLOUT", "info", "spec.predictor.deploymentStrategy"),
        ("KSERVE-NO-SPREAD", "info", "spec.predictor.topologySpreadConstraints"),
        ("KSERVE-NO-TOLERATION", "info", "spec.predictor.tolerations"),
    ]


@pytest.mark.parametrize("name", ["corrected", "llm"])
def test_the_corrected_samples_get_none(name: str) -> None:
    assert found(*sample(name)) == []
    assert found(*sample(name), provider="aws", model=QWEN_32B, asked=Asked(8192)) == []


def test_containeros_is_an_error_where_fluid_is_used() -> None:
    dataset = {
        "apiVersion": "data.fluid.io/v1alpha1",
        "kind": "Dataset",
        "metadata": {"name": "deepseek-r1-32b", "namespace": "serving"},
    }

    several = found(*sample("talk"), dataset)

    assert next(one for one in several if "CONTAINEROS" in one.id).severity is Severity.ERROR


def test_gpus_in_the_pods_own_resources_are_counted_and_reported() -> None:
    one = subject(*sample("talk"))

    assert one.need.demand.gpus == 1
    assert one.service.accelerators is None


def test_a_concurrency_is_inert_in_standard_mode_alone() -> None:
    standard = a_service(containerConcurrency=10)
    knative = annotated(a_service(containerConcurrency=10), mode="Knative")

    assert "CONCURRENCY-INERT" in ids(found(standard))
    assert "CONCURRENCY-INERT" not in ids(found(knative))


@pytest.mark.parametrize(
    ("probe", "is_honest"),
    [
        ({"httpGet": {"path": "/v2/models/deepseek-r1/ready", "port": 8080}}, True),
        ({"httpGet": {"path": "/v1/models/deepseek-r1", "port": 8080}}, True),
        ({"exec": {"command": ["/bin/true"]}}, True),
        (None, False),
        ({"tcpSocket": {"port": 8080}}, False),
        ({"httpGet": {"path": "/", "port": 8080}}, False),
        ({"httpGet": {"port": 8080}}, False),
        ({"httpGet": {"path": "/v2/health/ready", "port": 8080}}, False),
        ({"httpGet": {"path": "/v2/models/another/ready", "port": 8080}}, False),
    ],
)
def test_a_probe_is_right_if_it_asks_for_the_model(
    probe: dict[str, Any] | None, *, is_honest: bool
) -> None:
    several = found(with_model(a_service(), readinessProbe=probe))

    assert ids(several) == ([] if is_honest else ["READINESS"])


def test_a_probe_of_vllm_itself_is_right_on_its_health() -> None:
    server = {
        "name": "kserve-container",
        "image": "vllm/vllm-openai:v0.9",
        "args": ["--max-model-len=8192"],
        "resources": {"limits": {"nvidia.com/gpu": "1"}},
        "startupProbe": {"httpGet": {"path": "/health", "port": 8000}, "failureThreshold": 120},
        "lifecycle": {"preStop": {"sleep": {"seconds": 15}}},
    }
    good = {**server, "readinessProbe": {"httpGet": {"path": "/health", "port": 8000}}}

    assert ids(found(a_service(model=None, containers=[good]))) == []
    assert ids(found(a_service(model=None, containers=[server]))) == ["READINESS"]


def test_a_runtime_that_was_not_seen_is_not_blamed_for_its_probes() -> None:
    manifest = with_model(
        a_service(), modelFormat={"name": "vLLM"}, readinessProbe=None, startupProbe=None
    )

    assert "READINESS" not in ids(found(manifest))


def test_a_startup_probe_that_ends_before_the_load_is_an_error() -> None:
    probe = {"httpGet": {"path": "/v2/models/deepseek-r1/ready", "port": 8080}}
    short = {**probe, "periodSeconds": 5, "failureThreshold": 10}

    several = found(with_model(a_service(), startupProbe=short))

    assert [(one.id, one.severity) for one in several] == [("KSERVE-STARTUP", Severity.ERROR)]
    assert "ends the server after 50 s" in several[0].why


def test_a_liveness_probe_without_a_startup_probe_is_held_against_the_load() -> None:
    probe = {"httpGet": {"path": "/v2/models/deepseek-r1/ready", "port": 8080}}

    several = found(with_model(a_service(), startupProbe=None, livenessProbe=probe))

    assert [one.place for one in several] == ["spec.predictor.model.livenessProbe"]


def test_a_start_that_was_measured_goes_before_the_estimate() -> None:
    assert ids(found(a_service(), cold_start_seconds=601)) == ["PROGRESS-DEADLINE"]
    assert ids(found(a_service(), cold_start_seconds=599)) == []


def test_a_deadline_of_knative_is_the_annotation_of_its_pods() -> None:
    slow = annotated(
        a_service(annotations={"serving.knative.dev/progress-deadline": "30m"}), mode="Knative"
    )

    assert "PROGRESS-DEADLINE" not in ids(found(slow, cold_start_seconds=1700))
    assert "PROGRESS-DEADLINE" in ids(found(slow, cold_start_seconds=1900))


def a_selector(memory_mib: str, operator: str = "Lt") -> dict[str, Any]:
    key = "karpenter.k8s.aws/instance-gpu-memory"
    wish = {"key": key, "operator": operator, "values": [memory_mib]}
    terms = {"nodeSelectorTerms": [{"matchExpressions": [wish]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}


def test_a_model_that_fits_no_gpu_that_its_pod_may_land_on_is_an_error() -> None:
    several = found(a_service(affinity=a_selector("50000")), model=QWEN_32B)

    assert [(one.id, one.severity.value) for one in several] == [
        ("KSERVE-MODEL-FITS-NO-GPU", "error")
    ]
    assert "71.8 GiB" in several[0].why


@pytest.mark.parametrize(
    ("label", "is_enough"),
    [
        ("NVIDIA-A100-SXM4-80GB", True),
        ("NVIDIA-A100-SXM4-40GB", False),
        ("NVIDIA-H200", True),
        ("NVIDIA-L40S", False),
    ],
)
def test_a_gpu_is_known_by_its_product_label(label: str, *, is_enough: bool) -> None:
    manifest = a_service(affinity=None, nodeSelector={"nvidia.com/gpu.product": label})

    several = found(manifest, model=QWEN_32B, provider="aws")

    assert ids(several) == ([] if is_enough else ["MODEL-FITS-NO-GPU"])


def test_a_format_that_no_allowed_gpu_computes_is_no_fit() -> None:
    manifest = a_service(affinity=None, nodeSelector={"nvidia.com/gpu.product": "Tesla-T4"})
    small = replace(QWEN_32B, weights_gb=2.0)

    assert ids(found(manifest, model=small, provider="aws")) == ["MODEL-FITS-NO-GPU"]
    half = with_model(manifest, args=["--dtype=half", "--max-model-len=512"])
    assert ids(found(half, model=small, provider="aws")) == []


def test_the_machines_that_can_be_bought_are_held_against_the_model() -> None:
    small = offering("g5.xlarge")
    shape = replace(small.instance_type, gpu_name="H100", gpu_memory_gib=80.0)
    large = replace(offering("p5.4xlarge", gpu_name="H100"), instance_type=shape)

    assert ids(found(a_service(), offerings=[small])) == ["MODEL-FITS-NO-GPU"]
    assert ids(found(a_service(), offerings=[small, large])) == []


def test_parallelism_that_does_not_divide_the_heads_is_an_error() -> None:
    three = {"requests": {"cpu": 1, "memory": "64Gi"}, "limits": {"nvidia.com/gpu": 3}}
    several = found(with_model(a_service(), resources=three), model=QWEN_32B)

    assert [(one.id, one.fix) for one in several] == [
        ("KSERVE-TP-HEADS", "Give it 1 or 2 or 4 or 8 GPUs.")
    ]


def test_a_parallelism_that_the_server_overrides_is_said() -> None:
    arguments = ["--max-model-len=8192", "--model_name=deepseek-r1", "--tensor-parallel-size=2"]

    assert ids(found(with_model(a_service(), args=arguments))) == ["TP-OVERRIDDEN"]


def test_a_server_that_is_spread_over_more_gpus_than_it_has_is_an_error() -> None:
    (manifest,) = sample("llm")
    manifest["spec"]["parallelism"]["tensor"] = 4

    assert [(one.id, one.severity.value) for one in found(manifest)] == [
        ("KSERVE-TP-GPUS", "error")
    ]


@pytest.mark.parametrize(
    ("spec", "replicas", "blocks"),
    [
        ({"minAvailable": 1}, 1, True),
        ({"maxUnavailable": 0}, 3, True),
        ({"minAvailable": "100%"}, 2, True),
        ({"minAvailable": "51%"}, 2, True),
        ({"minAvailable": 1}, 2, False),
        ({"maxUnavailable": 1}, 1, False),
        ({"maxUnavailable": "1%"}, 2, False),
    ],
)
def test_a_budget_blocks_where_no_pod_of_the_replicas_may_go(
    spec: dict[str, Any], replicas: int, *, blocks: bool
) -> None:
    several = found(a_service(minReplicas=replicas), a_budget(**spec))

    assert ("PDB-BLOCKS" in ids(several)) is blocks


def test_two_budgets_of_the_same_pods_let_none_go() -> None:
    second = a_budget(maxUnavailable=1)
    second["metadata"]["name"] = "other"

    several = found(a_service(), a_budget(maxUnavailable=1), second)

    assert [(one.id, one.is_mended) for one in several] == [("KSERVE-PDB-BLOCKS", False)]


def test_a_budget_of_other_pods_is_not_this_services() -> None:
    other = a_budget(maxUnavailable=0)
    other["spec"]["selector"] = {"matchLabels": {"app": "web"}}

    assert found(a_service(), other) == []
    assert ids(found(a_service(), other, is_whole=True)) == ["NO-PDB"]


def test_a_budget_that_was_not_read_is_not_missed() -> None:
    assert found(a_service()) == []


@pytest.mark.parametrize(
    ("provider", "seconds", "is_late"),
    [
        ("aws", 100, False),
        ("aws", 101, True),
        ("alibaba", 240, False),
        ("gcp", 16, True),
        (None, 241, True),
    ],
)
def test_a_grace_period_is_held_against_the_clouds_notice(
    provider: str | None, seconds: int, *, is_late: bool
) -> None:
    manifest = a_service(terminationGracePeriodSeconds=seconds, affinity=None)
    several = ids(found(manifest, provider=provider))

    assert ("GRACE-NOTICE" in several) is is_late


def test_a_grace_period_that_is_not_set_is_kubernetes_own() -> None:
    manifest = a_service(terminationGracePeriodSeconds=None, affinity=None)

    assert "GRACE-NOTICE" in ids(found(manifest, provider="azure"))


@pytest.mark.parametrize(
    ("mode", "autoscaler", "metric", "is_refused"),
    [
        ("Standard", "hpa", "cpu", False),
        ("Standard", "hpa", "rps", True),
        ("Standard", "keda", "cpu", True),
        ("Standard", "external", "rps", False),
        ("Knative", "hpa", "concurrency", False),
        ("Knative", "hpa", "memory", True),
    ],
)
def test_a_metric_is_refused_as_kserves_webhook_does(
    mode: str, autoscaler: str, metric: str, *, is_refused: bool
) -> None:
    manifest = annotated(a_service(scaleMetric=metric), mode=mode, autoscaler=autoscaler)

    assert ("SCALE-METRIC" in ids(found(manifest))) is is_refused


def test_knative_needs_flags_for_placement_and_has_no_lifecycle() -> None:
    manifest = annotated(a_service(), mode="Knative")

    several = found(manifest)

    assert ids(several) == ["KNATIVE-LIFECYCLE", "KNATIVE-STRATEGY", "KNATIVE-FLAGS"]
    assert "kubernetes.podspec-persistent-volume-claim" in several[2].fix


def test_flags_of_knative_that_are_on_are_no_finding_and_off_an_error() -> None:
    manifest = annotated(a_service(deploymentStrategy=None), mode="Knative")
    flags = ("tolerations", "affinity", "topologyspreadconstraints", "persistent-volume-claim")
    features = {
        "kind": "ConfigMap",
        "metadata": {"name": "config-features", "namespace": "knative-serving"},
        "data": {f"kubernetes.podspec-{one}": "enabled" for one in flags},
    }
    with_model(manifest, lifecycle=None)

    assert found(manifest, features) == []
    features["data"] = {}
    assert [(one.id, one.severity.value) for one in found(manifest, features)] == [
        ("KSERVE-KNATIVE-FLAGS", "error")
    ]


def test_several_nodes_are_refused_with_an_autoscaler() -> None:
    manifest = a_service(workerSpec={"pipelineParallelSize": 2})

    assert "MULTINODE-AUTOSCALER" in ids(found(manifest))
    assert "MULTINODE-AUTOSCALER" not in ids(found(annotated(manifest, autoscaler="none")))


def test_requests_and_limits_of_gpus_that_differ_are_refused() -> None:
    resources = {
        "requests": {"cpu": "6", "memory": "80Gi", "nvidia.com/gpu": "2"},
        "limits": {"nvidia.com/gpu": "1"},
    }

    assert "GPU-LIMITS" in ids(found(with_model(a_service(), resources=resources)))


def test_an_unknown_size_is_unknown_and_nothing_follows_of_it() -> None:
    manifest = with_model(a_service(affinity=None), storageUri="pvc://model/")

    one = subject(manifest)

    assert one.need.model is None
    assert one.need.demand.gpu_memory_min_gib is None
    assert one.cold_start_seconds is None
    assert found(manifest) == []


def test_a_guess_is_marked_in_all_that_rests_on_it() -> None:
    need = subject(a_service()).need

    guesses = {one.name for one in need.workings if one.is_guess}
    assert {"model", "parameters", "weights", "gpu_memory"} <= guesses
    assert need.is_guess


def test_a_demand_is_of_one_machine_and_counts_those_of_all_replicas() -> None:
    worker = {"pipelineParallelSize": 2, "tensorParallelSize": 4}
    service = read(a_service(workerSpec=worker))

    need = demand_of_service(service, QWEN_32B, Asked(8192, 4))

    assert (need.demand.gpus, need.demand.count) == (4, 8)
    assert need.memory is not None
    assert need.memory.weights_gib == pytest.approx(61.02 / 8, abs=0.01)


def test_the_contracts_example_asks_for_what_it_works_out_to() -> None:
    service = read(with_model(a_service(), resources=None, storageUri="hf://org/r1"))

    need = demand_of_service(service, QWEN_32B, Asked(8192, 4, gpus=2))

    assert need.demand.gpu_memory_min_gib == pytest.approx(41.7 * 0.9 / 0.92, abs=0.2)
    assert need.demand.memory_min_gib == pytest.approx(0.5 * 61.02 + 8, abs=0.1)
    assert need.memory_limit_gib == pytest.approx(61.02 + 16, abs=0.1)
    assert need.demand.vcpus_min == 8
    assert need.demand.precision == "bf16"
    assert need.disk_gib == pytest.approx(2 * 8.708 + 61.02 + 20, abs=0.1)


def test_gpus_that_nobody_tells_are_asked_for_by_their_memory_together() -> None:
    service = read(with_model(a_service(), resources=None))

    demand = demand_of_service(service, QWEN_32B, Asked()).demand

    assert demand.gpus is None
    assert demand.gpu_memory_min_gib is None
    assert demand.gpu_memory_total_min_gib == pytest.approx(71.8, abs=0.1)


def test_gpus_that_the_engine_leaves_idle_are_still_asked_for() -> None:
    server = {"name": "kserve-container", "image": "vllm/vllm-openai:v0.9"}
    four = {"limits": {"nvidia.com/gpu": "4"}}
    manifest = a_service(model=None, containers=[{**server, "resources": four}])

    need = subject(manifest, model=QWEN_32B).need

    assert need.demand.gpus == 4
    assert need.split is not None
    assert need.split.tensor == 1


def test_weights_that_were_copied_to_the_node_are_still_read_while_probes_run() -> None:
    copied = subject(with_model(a_service(), storageUri="hf://org/r1"), model=QWEN_32B)
    fluid = subject(a_service(), model=QWEN_32B)

    assert copied.load_seconds == pytest.approx(65_520 / 313 + 100, abs=1)
    assert fluid.load_seconds == pytest.approx(65_520 / 372 + 100, abs=1)


def test_a_slice_of_a_gpu_is_no_gpu_of_its_own() -> None:
    resources = {"limits": {"nvidia.com/mig-1g.10gb": "1"}}

    need = subject(with_model(a_service(), resources=resources)).need

    assert need.demand.gpus is None
    assert any("no whole GPU" in one.source for one in need.workings)


def test_the_cloud_is_known_by_the_labels_that_are_asked_for() -> None:
    assert subject(a_service()).provider == "aws"
    assert subject(*sample("talk")).provider == "alibaba"
    assert subject(a_service(affinity=None)).provider is None


def test_a_mode_that_is_given_is_the_one_that_is_checked() -> None:
    manifest = a_service(containerConcurrency=3)
    del manifest["metadata"]["annotations"]

    assert read(manifest, mode=Mode.KNATIVE).mode is Mode.KNATIVE
