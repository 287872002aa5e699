"""InferenceServices (``serving.kserve.io/v1beta1``) as KServe's controller runs them.

Read at kserve v0.20.0. The predictor is a pod's spec, the autoscaler's fields and one model in one
object, so that a field one level too high is often valid and means something else.
"""

from collections.abc import Mapping
from typing import Any

from advisor.serving.engine import Arguments, Engine, arguments_of
from advisor.serving.errors import ServingError
from advisor.serving.kserve_objects import (
    Manifest,
    Objects,
    list_at,
    mapping_at,
    name_of,
    title_of,
    whole_at,
    words_at,
)
from advisor.serving.runtimes import CONTAINER, Merged, engine_of, merge, runtime_of
from advisor.serving.service import (
    MODES,
    Mode,
    Service,
    Weights,
    accelerators_of,
    container_named,
)

MODE = "serving.kserve.io/deploymentMode"
AUTOSCALER = "serving.kserve.io/autoscalerClass"
STOP = "serving.kserve.io/stop"
PREDICTOR = "spec.predictor"

FRAMEWORKS = (
    *("huggingface", "pytorch", "tensorflow", "sklearn", "xgboost", "lightgbm", "onnx", "triton"),
    *("pmml", "paddle"),
)
"""The older forms of ``model``, each with its format for a name."""

SCHEMES = {
    "pvc": Weights.VOLUME,
    "oci": Weights.IMAGE,
    **dict.fromkeys(
        ("hf", "s3", "gs", "https", "http", "hdfs", "webhdfs", "abfs", "modelscope", "git"),
        Weights.INITIALIZER,
    ),
}


def inference_service(manifest: Manifest, objects: Objects, mode: Mode | None = None) -> Service:
    """The service of a manifest, with what ``objects`` has of its runtime.

    ``mode`` is the deployment mode, where the user knows it and the manifest does not say it.

    Raises:
        ServingError: it is no InferenceService that could be read; says where and why.
    """
    predictor = mapping_at(manifest, "spec", "predictor")
    if not predictor:
        raise ServingError(f"{title_of(manifest)}: {PREDICTOR}", "a predictor is wanted")
    namespace, name = name_of(manifest)
    where, own, form = _own_container(manifest, predictor)
    words_at(manifest, own, where)
    runtime, found = (None, "")
    if where.startswith(f"{PREDICTOR}.") and "containers" not in where:
        runtime, found = runtime_of(objects, namespace, {"modelFormat": {"name": form}, **own})
    whole = merge(runtime, predictor, own, name)
    arguments = arguments_of(whole.container)
    engine = engine_of(whole.container, runtime, form)
    source = own.get("storageUri") or _first_uri(manifest, predictor) or arguments.model_id
    tensor, nodes = _spread(manifest, runtime, whole, engine)
    said, by, is_said = _mode(manifest, objects, mode)
    least, most, now = _replicas(manifest, predictor, objects)
    label = f"isvc.{deployment_of(manifest)}"
    knative = {"serving.knative.dev/service": deployment_of(manifest)}
    return Service(
        manifest=manifest,
        mode=said,
        mode_from=by,
        is_mode_said=is_said,
        autoscaler=str(_annotations(manifest).get(AUTOSCALER) or "hpa"),
        engine=engine,
        pod=whole.pod,
        container=whole.container,
        own_container=own,
        pod_path=PREDICTOR,
        container_path=where,
        arguments=arguments,
        model_source=None if source is None else str(source),
        weights=_weights(source, own, arguments, namespace, objects),
        tensor=tensor,
        pipeline=max(nodes, arguments.count("pipeline-parallel-size") or 1),
        nodes=nodes,
        replicas_least=least,
        replicas_most=most,
        replicas_now=now,
        pod_labels=knative if said is Mode.KNATIVE else {"app": label},
        unknown=(f"{found} was not given: what it adds to the container is not known",)
        if found and runtime is None
        else (),
    )


def deployment_of(manifest: Manifest) -> str:
    """The name of the predictor's Deployment, or of its Knative service."""
    _, name = name_of(manifest)
    part = mapping_at(manifest, "spec", "predictor").get("name")
    return f"{name}-{part}-predictor" if part else f"{name}-predictor"


def _own_container(manifest: Manifest, predictor: Manifest) -> tuple[str, Manifest, str]:
    """Path, container and model format of what the service itself says of its server."""
    if "model" in predictor:
        own = mapping_at(manifest, "spec", "predictor", "model")
        form = mapping_at(manifest, "spec", "predictor", "model", "modelFormat").get("name")
        return f"{PREDICTOR}.model", own, str(form or "")
    for one in FRAMEWORKS:
        if one in predictor:
            return f"{PREDICTOR}.{one}", mapping_at(manifest, "spec", "predictor", one), one
    containers = list_at(manifest, predictor, "containers", PREDICTOR)
    if not containers:
        raise ServingError(
            f"{title_of(manifest)}: {PREDICTOR}", "neither a model nor containers are in it"
        )
    found = container_named(containers, CONTAINER) or containers[0]
    return f"{PREDICTOR}.containers[{containers.index(found)}]", found, ""


def _first_uri(manifest: Manifest, predictor: Manifest) -> str | None:
    found = list_at(manifest, predictor, "storageUris", PREDICTOR)
    uri = found[0].get("uri") if found else None
    return None if uri is None else str(uri)


def _weights(
    source: object, own: Manifest, arguments: Arguments, namespace: str, objects: Objects
) -> Weights:
    if source is None:
        return Weights.INITIALIZER if own.get("storage") else Weights.UNKNOWN
    scheme, parted, rest = str(source).partition("://")
    if not parted:
        return Weights.SERVER if arguments.model_id else Weights.UNKNOWN
    if scheme == "pvc" and (namespace, rest.partition("/")[0]) in objects.datasets:
        return Weights.FLUID
    return SCHEMES.get(scheme, Weights.INITIALIZER)


def _spread(
    manifest: Manifest, runtime: Manifest | None, whole: Merged, engine: Engine
) -> tuple[int | None, int]:
    """Tensor parallelism (None if not known), and machines of one replica."""
    arguments = arguments_of(whole.container)
    if "workerSpec" in mapping_at(manifest, "spec", "predictor"):
        of_runtime = mapping_at(runtime or {}, "spec", "workerSpec")
        worker = {**of_runtime, **mapping_at(manifest, "spec", "predictor", "workerSpec")}
        place = f"{PREDICTOR}.workerSpec"
        tensor = whole_at(manifest, worker, "tensorParallelSize", place)
        return tensor or 1, whole_at(manifest, worker, "pipelineParallelSize", place) or 1
    place = title_of(manifest)
    held = (whole.container.get("resources"), whole.pod.get("resources"))
    found = next((one for each in held if (one := accelerators_of(each, place))), None)
    gpus = found.count if found and found.is_whole else None
    told = arguments.count("tensor-parallel-size")
    if engine is Engine.VLLM:
        return told or 1, 1
    # KServe's Hugging Face server takes all GPUs that it sees, whatever it is told.
    return gpus or told, 1


def _mode(manifest: Manifest, objects: Objects, given: Mode | None) -> tuple[Mode, str, bool]:
    """The deployment mode, who says it, and whether the service itself does."""
    status = manifest.get("status")
    recorded = status.get("deploymentMode") if isinstance(status, Mapping) else None
    if recorded in MODES:
        return MODES[str(recorded)], "status.deploymentMode", True
    said = _annotations(manifest).get(MODE)
    if said in MODES:
        return MODES[str(said)], f"annotation {MODE}", True
    if given is not None:
        return given, "given", False
    if objects.default_mode in MODES:
        return MODES[str(objects.default_mode)], "ConfigMap inferenceservice-config", False
    return Mode.STANDARD, "assumed", False


def _annotations(manifest: Manifest) -> Mapping[str, Any]:
    return mapping_at(manifest, "metadata", "annotations")


def _replicas(manifest: Manifest, predictor: Manifest, objects: Objects) -> tuple[int, int, int]:
    """At least, at most and now; now is the least where its Deployment was not seen."""
    asked = whole_at(manifest, predictor, "minReplicas", PREDICTOR)
    least = 1 if asked is None else asked
    most = max(whole_at(manifest, predictor, "maxReplicas", PREDICTOR) or least, least)
    if _annotations(manifest).get(AUTOSCALER) == "none":
        most = least
    if str(_annotations(manifest).get(STOP)).lower() == "true":
        return least, most, 0
    running = objects.deployments.get((name_of(manifest)[0], deployment_of(manifest)))
    return least, most, least if running is None else replicas_of(running, least)


def replicas_of(deployment: Manifest, otherwise: int) -> int:
    """How many a Deployment has."""
    status = mapping_at(deployment, "status")
    found = status.get("replicas", mapping_at(deployment, "spec").get("replicas", otherwise))
    return found if isinstance(found, int) else otherwise
