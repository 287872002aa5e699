"""LLMInferenceServices (``serving.kserve.io/v1alpha1`` and ``v1alpha2``) as far as they are seen.

What runs is the merge of KServe's presets, of ``baseRefs``, and of the service's own spec, in that
order (`kserve pkg/controller/v1alpha2/llmisvc/config_merge.go`, v0.20.0). Presets and bases are
objects of their own: where they are not given, what they would say is not known.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from advisor.serving.engine import Engine, arguments_of
from advisor.serving.errors import ServingError
from advisor.serving.kserve import SCHEMES, replicas_of
from advisor.serving.kserve_objects import (
    KSERVE_NAMESPACE,
    Manifest,
    Objects,
    list_at,
    mapping_at,
    name_of,
    title_of,
    whole_at,
    words_at,
)
from advisor.serving.service import Mode, Service, Weights, accelerators_of, container_named
from advisor.serving.strategic import merged

MAIN = "main"
"""The container of the template that serves."""
PRESET = "kserve-config-llm-template"
"""The preset of a service on one node, without prefill; its name may carry a version before it."""


def llm_inference_service(manifest: Manifest, objects: Objects) -> Service:
    """The service of a manifest, with what ``objects`` has of its presets and bases.

    Raises:
        ServingError: it is none that could be read; says where and why.
    """
    own = mapping_at(manifest, "spec")
    bases, missing = _bases(manifest, own, objects)
    spec: Mapping[str, Any] = {}
    for one in (*bases, own):
        spec = merged(spec, one)
    whole = {**manifest, "spec": spec}
    uri = mapping_at(whole, "spec", "model").get("uri")
    if uri is None:
        raise ServingError(f"{title_of(manifest)}: spec.model.uri", "a model is wanted")
    template = mapping_at(whole, "spec", "template")
    container = container_named(list_at(whole, template, "containers", "spec.template"), MAIN)
    words_at(manifest, container, "spec.template.containers")
    own_template = mapping_at(manifest, "spec", "template")
    listed = list_at(manifest, own_template, "containers", "spec.template")
    parallelism = mapping_at(whole, "spec", "parallelism")
    tensor = whole_at(whole, parallelism, "tensor", "spec.parallelism")
    pipeline = whole_at(whole, parallelism, "pipeline", "spec.parallelism") or 1
    has_worker = "worker" in spec
    asked = accelerators_of(container.get("resources"), f"{title_of(manifest)}: spec.template")
    least, most, now = _replicas(whole, objects)
    _, name = name_of(manifest)
    return Service(
        manifest=manifest,
        mode=Mode.STANDARD,
        mode_from="LLMInferenceServices are Deployments",
        is_mode_said=True,
        autoscaler="keda" if spec.get("scaling") else "none",
        engine=Engine.VLLM,
        pod=template,
        container=container,
        own_container=container_named(listed, MAIN),
        pod_path="spec.template",
        container_path=f"spec.template.containers[{_index(listed, MAIN)}]",
        arguments=arguments_of(container),
        model_source=str(uri),
        weights=_weights(str(uri), whole, objects),
        tensor=tensor or (asked.count if asked and asked.is_whole else None),
        pipeline=pipeline,
        nodes=pipeline if has_worker else 1,
        replicas_least=least,
        replicas_most=most,
        replicas_now=now,
        pod_labels={
            "app.kubernetes.io/name": name,
            "app.kubernetes.io/component": "llminferenceservice-workload",
            "app.kubernetes.io/part-of": "llminferenceservice",
        },
        is_effective=not missing,
        unknown=tuple(f"{one} was not given: what it says is not known" for one in missing),
    )


def _index(containers: Sequence[Manifest], name: str) -> int:
    """Where the container of that name is, or would be put."""
    found = [at for at, one in enumerate(containers) if one.get("name") == name]
    return found[0] if found else len(containers)


def _bases(
    manifest: Manifest, own: Manifest, objects: Objects
) -> tuple[list[Mapping[str, Any]], list[str]]:
    """The specs below the service's own, first the lowest; and those that were not given."""
    namespace, _ = name_of(manifest)
    names = [str(one.get("name")) for one in list_at(manifest, own, "baseRefs", "spec")]
    found: list[Mapping[str, Any]] = []
    missing: list[str] = []
    preset = None
    if "worker" not in own and "prefill" not in own:
        preset = next(
            (one for key, one in objects.configs.items() if key[1].endswith(PRESET)), None
        )
    if preset is None:
        missing.append("KServe's preset")
    else:
        found.append(mapping_at(preset, "spec"))
    for name in names:
        config = objects.configs.get((namespace, name)) or objects.configs.get(
            (KSERVE_NAMESPACE, name)
        )
        if config is None:
            missing.append(f"LLMInferenceServiceConfig {name}")
        else:
            found.append(mapping_at(config, "spec"))
    return found, missing


def _weights(uri: str, whole: Manifest, objects: Objects) -> Weights:
    scheme, _, rest = uri.partition("://")
    if scheme == "pvc" and (name_of(whole)[0], rest.partition("/")[0]) in objects.datasets:
        return Weights.FLUID
    if mapping_at(whole, "spec", "storageInitializer").get("enabled") is False and scheme == "hf":
        return Weights.SERVER
    return SCHEMES.get(scheme, Weights.INITIALIZER)


def _replicas(whole: Manifest, objects: Objects) -> tuple[int, int, int]:
    spec = mapping_at(whole, "spec")
    scaling = mapping_at(whole, "spec", "scaling")
    asked = whole_at(whole, spec, "replicas", "spec")
    place = "spec.scaling"
    least = whole_at(whole, scaling, "minReplicas", place) if scaling else asked
    least = 1 if least is None else least
    most = max(whole_at(whole, scaling, "maxReplicas", place) or least, least)
    namespace, name = name_of(whole)
    running = objects.deployments.get((namespace, f"{name}-kserve"))
    return least, most, least if running is None else replicas_of(running, least)
