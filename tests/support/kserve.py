"""Services of KServe as tests make them: one that lacks nothing, and generated ones."""

import json
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from advisor.serving.kserve_demand import Asked, demand_of_service, model_of_service
from advisor.serving.kserve_finding import Finding, Subject
from advisor.serving.kserve_findings import Surroundings, findings, subject_of
from advisor.serving.kserve_objects import objects_of
from advisor.serving.kserve_services import services_of
from advisor.serving.models import Model
from advisor.serving.service import Mode, Service

SAMPLES = Path(__file__).parents[2] / "docs" / "samples" / "serving"

QWEN_32B = Model(
    name="DeepSeek-R1-Distill-Qwen-32B",
    parameters=32.76e9,
    weights_gb=65.52,
    layers=64,
    kv_heads=8,
    head_dim=128,
    precision="bf16",
    source="the repository",
    is_guess=False,
    heads=40,
    context_max_tokens=131_072,
)


def sample(name: str) -> list[dict[str, Any]]:
    """The manifests of a sample that we ship."""
    text = (SAMPLES / f"{name}.yaml").read_text(encoding="utf-8")
    return [one for one in yaml.safe_load_all(text) if one is not None]


def a_service(**predictor: Any) -> dict[str, Any]:
    """The corrected sample, with fields of the predictor changed; None takes one out."""
    made = deepcopy(sample("corrected")[0])
    held = made["spec"]["predictor"]
    for key, value in predictor.items():
        if value is None:
            held.pop(key)
        else:
            held[key] = value
    return made


def with_model(manifest: dict[str, Any], **model: Any) -> dict[str, Any]:
    """The manifest with fields of its model changed; None takes one out."""
    held = manifest["spec"]["predictor"]["model"]
    for key, value in model.items():
        if value is None:
            held.pop(key)
        else:
            held[key] = value
    return manifest


def read(*manifests: Any, mode: Mode | None = None) -> Service:
    """The first service of the manifests."""
    return services_of(objects_of(manifests), mode)[0]


def subject(*manifests: Any, model: Model | None = None, **around: Any) -> Subject:
    """The first service of the manifests with what is known around it."""
    asked = around.pop("asked", Asked())
    objects = objects_of(manifests, is_whole=around.pop("is_whole", False))
    service = services_of(objects)[0]
    need = demand_of_service(service, model or model_of_service(service), asked)
    return subject_of(need, Surroundings(objects, **around))


def found(*manifests: Any, **given: Any) -> list[Finding]:
    """What is to be said of the first service of the manifests."""
    return findings(subject(*manifests, **given))


def ids(several: Sequence[Finding]) -> list[str]:
    """The findings by id, without the KSERVE- that all have."""
    return [one.id.removeprefix("KSERVE-") for one in several]


GPU_COUNTS = st.sampled_from(["1", "2", "4"])
PROBES = st.sampled_from(
    [
        {"tcpSocket": {"port": 8080}},
        {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 5},
        {"httpGet": {"path": "/v2/models/llm/ready", "port": 8080}, "failureThreshold": 3},
        {"exec": {"command": ["/bin/true"]}},
    ]
)
ARGUMENTS = st.lists(
    st.sampled_from(
        [
            "--model_name=llm",
            "--max-model-len=4096",
            "--max_model_len=8k",
            "--dtype=float16",
            "--quantization=fp8",
            "--enforce-eager",
            "--gpu-memory-utilization=0.95",
            "--tensor-parallel-size=2",
            "--max-num-seqs=16",
        ]
    ),
    unique=True,
)
MODEL_NAMES = ("llama-3-8b", "qwen2.5-32b-awq", "mixtral-8x7b", "deepseek-r1", "llm")


def _some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Any of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


def _gpus(count: str, kinds: Sequence[str]) -> dict[str, Any]:
    return {kind: {"nvidia.com/gpu": count} for kind in kinds}


RESOURCES = st.builds(_gpus, GPU_COUNTS, st.sampled_from([("limits",), ("requests", "limits")]))


@st.composite
def predictors(draw: st.DrawFn) -> dict[str, Any]:
    """A predictor as people write them, right or wrong."""
    server = draw(
        _some(
            args=ARGUMENTS,
            resources=RESOURCES,
            readinessProbe=PROBES,
            startupProbe=PROBES,
            livenessProbe=PROBES,
            storageUri=st.sampled_from([f"hf://org/{one}" for one in MODEL_NAMES]),
        )
    )
    spec = draw(
        _some(
            minReplicas=st.integers(0, 3),
            maxReplicas=st.integers(0, 6),
            containerConcurrency=st.integers(0, 20),
            scaleMetric=st.sampled_from(["cpu", "memory", "concurrency", "rps"]),
            scaleTarget=st.integers(1, 90),
            terminationGracePeriodSeconds=st.integers(0, 900),
            resources=RESOURCES,
            deploymentStrategy=st.sampled_from([{"type": "Recreate"}, {"type": "RollingUpdate"}]),
            nodeSelector=st.just({"karpenter.sh/nodepool": "gpu"}),
        )
    )
    form = draw(st.sampled_from(["huggingface", "vLLM", "sklearn", None]))
    if form is None:
        image = draw(st.sampled_from(["vllm/vllm-openai:v0.9", "example.org/server:1"]))
        server.pop("storageUri", None)
        return {**spec, "containers": [{"name": "kserve-container", "image": image, **server}]}
    return {**spec, "model": {"modelFormat": {"name": form}, **server}}


@st.composite
def services(draw: st.DrawFn) -> dict[str, Any]:
    """An InferenceService or an LLMInferenceService."""
    about: dict[str, Any] = {"name": "llm", "namespace": "serving"}
    if draw(st.booleans()):
        container = {"name": "main", **draw(_some(resources=RESOURCES, readinessProbe=PROBES))}
        spec = draw(
            _some(
                replicas=st.integers(0, 3),
                parallelism=st.sampled_from([{"tensor": 1}, {"tensor": 2}, {"tensor": 4}]),
                template=st.just({"containers": [container]}),
            )
        )
        uri = f"hf://org/{draw(st.sampled_from(MODEL_NAMES))}"
        return {
            "apiVersion": "serving.kserve.io/v1alpha2",
            "kind": "LLMInferenceService",
            "metadata": about,
            "spec": {"model": {"uri": uri}, **spec},
        }
    annotations = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "serving.kserve.io/deploymentMode": st.sampled_from(
                    ["Standard", "Knative", "RawDeployment", "Serverless"]
                ),
                "serving.kserve.io/autoscalerClass": st.sampled_from(["hpa", "keda", "none"]),
            },
        )
    )
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {**about, **({"annotations": annotations} if annotations else {})},
        "spec": {"predictor": draw(predictors())},
    }


def as_text(manifest: dict[str, Any]) -> str:
    """The manifest as JSON, which is YAML."""
    return json.dumps(manifest)
