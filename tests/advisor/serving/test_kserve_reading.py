"""Services as KServe's controller makes them: runtimes and presets merged, the rest unknown."""

from typing import Any

import pytest

from advisor.serving.engine import Engine, arguments_of
from advisor.serving.errors import ServingError
from advisor.serving.kserve_objects import objects_of
from advisor.serving.kserve_services import services_of
from advisor.serving.service import Mode, Weights
from advisor.serving.strategic import merged
from tests.support.kserve import a_service, read, sample, with_model

RUNTIME: dict[str, Any] = {
    "apiVersion": "serving.kserve.io/v1alpha1",
    "kind": "ClusterServingRuntime",
    "metadata": {
        "name": "kserve-huggingfaceserver",
        "annotations": {"serving.kserve.io/server-type": "huggingfaceserver"},
    },
    "spec": {
        "supportedModelFormats": [{"name": "huggingface", "autoSelect": True, "priority": 1}],
        "tolerations": [{"key": "runtime", "operator": "Exists"}],
        "terminationGracePeriodSeconds": 5,
        "containers": [
            {
                "name": "kserve-container",
                "image": "kserve/huggingfaceserver:v0.20.0",
                "args": ["--model_name={{.Name}}"],
                "env": [{"name": "A", "value": "1"}],
                "resources": {"requests": {"cpu": "1", "memory": "2Gi"}},
            }
        ],
    },
}


def test_a_runtime_gives_what_the_controller_takes_and_no_more() -> None:
    service = read(a_service(tolerations=None, terminationGracePeriodSeconds=None), RUNTIME)

    assert service.pod["tolerations"] == [{"key": "runtime", "operator": "Exists"}]
    assert "terminationGracePeriodSeconds" not in service.pod
    assert service.grace_seconds == 30
    assert service.unknown == ()


def test_arguments_of_the_runtime_come_first_and_the_services_own_count() -> None:
    service = read(a_service(), RUNTIME)

    assert service.container["args"][0] == "--model_name=deepseek-r1"
    assert service.arguments.count("max-model-len") == 8192
    assert service.container["env"] == [{"name": "A", "value": "1"}]
    assert service.container["image"] == "kserve/huggingfaceserver:v0.20.0"


def test_resources_are_merged_by_name_and_the_services_own_count() -> None:
    manifest = with_model(a_service(), resources={"limits": {"nvidia.com/gpu": "2"}})

    service = read(manifest, RUNTIME)

    assert service.container["resources"] == {
        "requests": {"cpu": "1", "memory": "2Gi"},
        "limits": {"nvidia.com/gpu": "2"},
    }
    assert service.gpus == service.tensor == 2


def test_a_runtime_in_the_services_namespace_goes_before_the_clusters() -> None:
    own = {
        **RUNTIME,
        "kind": "ServingRuntime",
        "metadata": {"name": "kserve-huggingfaceserver", "namespace": "serving"},
        "spec": {"containers": [{"name": "kserve-container", "image": "mine/huggingface:1"}]},
    }
    manifest = with_model(a_service(), runtime="kserve-huggingfaceserver")

    assert read(manifest, RUNTIME, own).container["image"] == "mine/huggingface:1"


def test_a_runtime_that_was_not_given_is_unknown_and_not_empty() -> None:
    service = read(with_model(a_service(), runtime="theirs"))

    assert service.unknown == (
        "the runtime 'theirs' was not given: what it adds to the container is not known",
    )


def test_a_resource_that_nobody_asks_for_is_unknown_and_not_zero() -> None:
    service = read(with_model(a_service(), resources=None))

    assert service.gpus is None
    assert service.tensor is None


@pytest.mark.parametrize(
    ("annotations", "status", "given", "mode", "is_said"),
    [
        ({"serving.kserve.io/deploymentMode": "Knative"}, {}, None, Mode.KNATIVE, True),
        ({"serving.kserve.io/deploymentMode": "RawDeployment"}, {}, None, Mode.STANDARD, True),
        (
            {"serving.kserve.io/deploymentMode": "Standard"},
            {"deploymentMode": "Serverless"},
            None,
            Mode.KNATIVE,
            True,
        ),
        ({}, {}, Mode.KNATIVE, Mode.KNATIVE, False),
        ({}, {}, None, Mode.STANDARD, False),
    ],
)
def test_the_status_goes_before_the_annotation_and_that_before_what_is_given(
    annotations: dict[str, str],
    status: dict[str, str],
    given: Mode | None,
    mode: Mode,
    *,
    is_said: bool,
) -> None:
    manifest = a_service()
    manifest["metadata"]["annotations"] = annotations

    service = read({**manifest, "status": status}, mode=given)

    assert (service.mode, service.is_mode_said) == (mode, is_said)


def test_the_clusters_own_default_mode_is_taken_where_a_service_says_none() -> None:
    manifest = a_service()
    del manifest["metadata"]["annotations"]
    config = {
        "kind": "ConfigMap",
        "metadata": {"name": "inferenceservice-config", "namespace": "kserve"},
        "data": {"deploy": '{"defaultDeploymentMode": "Serverless"}'},
    }

    assert read(manifest, config).mode is Mode.KNATIVE


def test_several_nodes_are_a_pipeline_of_machines() -> None:
    worker = {"pipelineParallelSize": 3, "tensorParallelSize": 4}

    service = read(a_service(workerSpec=worker))

    assert (service.tensor, service.pipeline, service.nodes) == (4, 3, 3)


@pytest.mark.parametrize(
    ("uri", "weights"),
    [
        ("hf://org/model", Weights.INITIALIZER),
        ("pvc://plain/", Weights.VOLUME),
        ("pvc://deepseek-r1-32b/", Weights.FLUID),
        ("oci://registry/model:1", Weights.IMAGE),
    ],
)
def test_the_way_of_the_weights_is_that_of_their_address(uri: str, weights: Weights) -> None:
    dataset = {
        "apiVersion": "data.fluid.io/v1alpha1",
        "kind": "Dataset",
        "metadata": {"name": "deepseek-r1-32b", "namespace": "serving"},
    }

    assert read(with_model(a_service(), storageUri=uri), dataset).weights is weights


def test_replicas_now_are_those_of_the_deployment() -> None:
    deployment = {
        "kind": "Deployment",
        "metadata": {"name": "deepseek-r1-predictor", "namespace": "serving"},
        "status": {"replicas": 3},
    }

    service = read(a_service(), deployment)

    assert (service.replicas_least, service.replicas_now, service.replicas_most) == (2, 3, 4)


def test_a_service_that_is_stopped_has_no_replicas_now() -> None:
    manifest = a_service()
    manifest["metadata"]["annotations"]["serving.kserve.io/stop"] = "true"

    assert read(manifest).replicas_now == 0


def test_a_custom_predictor_is_its_container_of_kserves_name() -> None:
    server = {"name": "kserve-container", "image": "vllm/vllm-openai:v0.9", "args": ["--port=80"]}
    manifest = a_service(model=None, containers=[{"name": "side"}, server])

    service = read(manifest)

    assert service.container_path == "spec.predictor.containers[1]"
    assert service.engine is Engine.VLLM


def test_bases_of_an_llm_service_are_merged_below_its_own_spec() -> None:
    (manifest,) = sample("llm")
    manifest["spec"]["baseRefs"] = [{"name": "fast"}]
    base = {
        "kind": "LLMInferenceServiceConfig",
        "metadata": {"name": "fast", "namespace": "kserve"},
        "spec": {
            "replicas": 7,
            "parallelism": {"pipeline": 1},
            "template": {"containers": [{"name": "main", "image": "vllm:base"}]},
        },
    }

    service = read(manifest, base)

    assert service.container["image"] == "vllm:base"
    assert service.gpus == 2
    assert service.replicas_least == 2
    assert service.unknown == ("KServe's preset was not given: what it says is not known",)


def test_what_an_llm_services_unseen_preset_says_is_unknown() -> None:
    (manifest,) = sample("llm")
    del manifest["spec"]["template"]["terminationGracePeriodSeconds"]

    service = read(manifest)

    assert service.grace_seconds is None
    assert not service.is_effective


def test_engine_arguments_are_read_in_every_form() -> None:
    container = {
        "command": ["bash", "-c", "exec vllm serve /mnt/models --dtype half"],
        "args": ["--max_model_len", "8k", "--enforce-eager", "--gpu-memory-utilization=0.8"],
        "env": [{"name": "VLLM_ADDITIONAL_ARGS", "value": "--quantization fp8"}],
    }

    found = arguments_of(container)

    assert found.count("max-model-len") == 8000
    assert found.share("gpu-memory-utilization") == 0.8
    assert found.precision == "fp8"
    assert "enforce-eager" in found.given


def test_the_model_of_vllms_own_command_is_the_word_behind_serve() -> None:
    found = arguments_of({"command": ["vllm", "serve", "Qwen/Qwen2.5-7B"], "args": ["--port=80"]})

    assert found.model_id == "Qwen/Qwen2.5-7B"


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (
            {"spec": {"predictor": {"model": {"args": "--model_id=x"}}}},
            "spec.predictor.model.args: a list is wanted, not '--model_id=x'",
        ),
        ({"spec": None}, "spec.predictor: a predictor is wanted"),
        ({"spec": {"predictor": []}}, "spec.predictor: an object is wanted"),
        ({"spec": {"predictor": {"minReplicas": 1}}}, "neither a model nor containers"),
        ({"spec": {"predictor": {"containers": 7}}}, "spec.predictor.containers: a list"),
        ({"spec": {"predictor": {"model": {}, "minReplicas": "two"}}}, "minReplicas: 'two'"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(manifest: dict[str, Any], said: str) -> None:
    whole = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "broken"},
        **manifest,
    }

    with pytest.raises(ServingError) as raised:
        read(whole)

    assert str(raised.value).startswith("InferenceService broken: ")
    assert said in str(raised.value)


def test_a_quantity_that_is_none_is_named_with_its_place() -> None:
    manifest = with_model(a_service(), resources={"limits": {"nvidia.com/gpu": "half"}})

    with pytest.raises(ServingError, match=r"limits\.nvidia\.com/gpu: 'half' is no quantity"):
        read(manifest)


def test_another_version_of_a_service_is_refused_and_another_group_passed_over() -> None:
    old = {**a_service(), "apiVersion": "serving.kserve.io/v1alpha2"}
    knative = {"apiVersion": "serving.knative.dev/v1", "kind": "InferenceService", "metadata": {}}

    assert services_of(objects_of([knative])) == []
    with pytest.raises(ServingError, match=r"is not serving\.kserve\.io/v1beta1"):
        objects_of([old])


def test_a_strategic_merge_goes_by_name_and_null_takes_away() -> None:
    base = {"env": [{"name": "A", "value": "1"}, {"name": "B"}], "args": ["x"], "image": "i"}
    override = {"env": [{"name": "A", "value": "2"}, {"name": "C"}], "args": ["y"], "image": None}

    assert merged(base, override) == {
        "env": [{"name": "A", "value": "2"}, {"name": "B"}, {"name": "C"}],
        "args": ["y"],
    }
