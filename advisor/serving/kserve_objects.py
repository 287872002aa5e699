"""What is known of a cluster's serving: services, and the objects that shape or guard them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from advisor.serving.errors import ServingError

Manifest = Mapping[str, Any]
Name = tuple[str, str]
"""Namespace and name; the namespace is '' of what has none."""

GROUP = "serving.kserve.io/"
INFERENCE_SERVICE, LLM_INFERENCE_SERVICE = "InferenceService", "LLMInferenceService"
SERVICES = (INFERENCE_SERVICE, LLM_INFERENCE_SERVICE)
RUNTIME, CLUSTER_RUNTIME = "ServingRuntime", "ClusterServingRuntime"
LLM_CONFIG = "LLMInferenceServiceConfig"
FLUID = "data.fluid.io/"

KSERVE_NAMESPACE = "kserve"
"""Where KServe is installed, and where its own presets are."""


@dataclass(frozen=True, slots=True)
class Objects:
    """Manifests by what they are for.

    ``is_whole`` is whether all of the cluster was read: then what is not here is not there, and
    else it is not known.
    """

    services: tuple[Manifest, ...] = ()
    runtimes: Mapping[tuple[str, str, str], Manifest] = field(default_factory=dict[Any, Manifest])
    """By kind, namespace and name."""
    configs: Mapping[Name, Manifest] = field(default_factory=dict[Name, Manifest])
    budgets: tuple[Manifest, ...] = ()
    deployments: Mapping[Name, Manifest] = field(default_factory=dict[Name, Manifest])
    node_classes: tuple[Manifest, ...] = ()
    datasets: frozenset[Name] = frozenset()
    """Fluid's, which are volumes of the same name as well."""
    knative_features: Mapping[str, str] | None = None
    """Knative's ConfigMap config-features; None if it is not known."""
    default_mode: str | None = None
    """The deployment mode of services that name none; None if it is not known."""
    is_whole: bool = False


def objects_of(manifests: Iterable[Manifest], *, is_whole: bool = False) -> Objects:
    """The manifests, sorted; kinds that say nothing here are passed over.

    Raises:
        ServingError: an InferenceService of a version that is not known, or a ConfigMap of KServe
            that cannot be read.
    """
    found: dict[str, list[Manifest]] = {}
    for one in manifests:
        found.setdefault(str(one.get("kind")), []).append(one)
    services = [one for kind in SERVICES for one in found.get(kind, ()) if _is_known(one)]
    maps = {name_of(one)[1]: one for one in found.get("ConfigMap", ())}
    features = maps.get("config-features")
    return Objects(
        services=tuple(services),
        runtimes={
            (kind, *name_of(one)): one
            for kind in (RUNTIME, CLUSTER_RUNTIME)
            for one in found.get(kind, ())
        },
        configs={name_of(one): one for one in found.get(LLM_CONFIG, ())},
        budgets=tuple(found.get("PodDisruptionBudget", ())),
        deployments={name_of(one): one for one in found.get("Deployment", ())},
        node_classes=tuple(found.get("ECSNodeClass", ())),
        datasets=frozenset(
            name_of(one)
            for one in found.get("Dataset", ())
            if str(one.get("apiVersion", "")).startswith(FLUID)
        ),
        knative_features=None
        if features is None
        else {str(k): str(v).lower() for k, v in (features.get("data") or {}).items()},
        default_mode=_default_mode(maps.get("inferenceservice-config")),
        is_whole=is_whole,
    )


def name_of(manifest: Manifest) -> Name:
    """Namespace and name of an object."""
    about = manifest.get("metadata")
    read: Manifest = about if isinstance(about, Mapping) else {}
    return str(read.get("namespace") or ""), str(read.get("name") or "")


def title_of(manifest: Manifest) -> str:
    """How people call an object: ``InferenceService serving/deepseek-r1``."""
    namespace, name = name_of(manifest)
    return f"{manifest.get('kind')} {namespace}{'/' if namespace else ''}{name}"


def mapping_at(manifest: Manifest, *path: str) -> Manifest:
    """The object at that path; empty if there is none.

    Raises:
        ServingError: something else is there; names the place.
    """
    found: Any = manifest
    for at, step in enumerate(path, 1):
        found = found.get(step)
        if found is None:
            return {}
        if not isinstance(found, Mapping):
            place = f"{title_of(manifest)}: {'.'.join(path[:at])}"
            raise ServingError(place, f"an object is wanted, not {found!r}")
    return dict(found)


def list_at(manifest: Manifest, holder: Manifest, key: str, place: str) -> list[Manifest]:
    """The objects of the list ``key`` of a part of a manifest; ``place`` is the part's path.

    Raises:
        ServingError: it is no list of objects.
    """
    found = holder.get(key)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise ServingError(
            f"{title_of(manifest)}: {place}.{key}", f"a list of objects is wanted, not {found!r}"
        )
    return [dict(one) for one in found]


def words_at(manifest: Manifest, container: Manifest, place: str) -> None:
    """Accept a container whose command and arguments are lists.

    Raises:
        ServingError: one is something else, as a shell would take it.
    """
    for key in ("command", "args"):
        found = container.get(key)
        if found is not None and not isinstance(found, list):
            raise ServingError(
                f"{title_of(manifest)}: {place}.{key}", f"a list is wanted, not {found!r}"
            )


def whole_at(manifest: Manifest, holder: Manifest, key: str, place: str) -> int | None:
    """The whole number ``key`` of a part of a manifest; None if it is not given.

    Raises:
        ServingError: it is none.
    """
    found = holder.get(key)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int) or found < 0:
        raise ServingError(
            f"{title_of(manifest)}: {place}.{key}", f"{found!r} is no number of 0 or more"
        )
    return found


def _is_known(manifest: Manifest) -> bool:
    """Whether it is KServe's, in a version that is read.

    Raises:
        ServingError: it is KServe's, in another version.
    """
    version = str(manifest.get("apiVersion", ""))
    if not version.startswith(GROUP):
        return False
    known = ("v1beta1",) if manifest["kind"] == INFERENCE_SERVICE else ("v1alpha1", "v1alpha2")
    if version.removeprefix(GROUP) not in known:
        named = " or ".join(f"{GROUP}{one}" for one in known)
        raise ServingError(f"{title_of(manifest)}: apiVersion", f"{version!r} is not {named}")
    return True


def _default_mode(config: Manifest | None) -> str | None:
    """``defaultDeploymentMode`` of KServe's own ConfigMap."""
    deploy = (config.get("data") or {}).get("deploy") if config else None
    if deploy is None:
        return None
    try:
        read = yaml.safe_load(str(deploy))
    except yaml.YAMLError as error:
        raise ServingError(
            "ConfigMap inferenceservice-config: data.deploy", f"no JSON: {error}"
        ) from error
    mode = read.get("defaultDeploymentMode") if isinstance(read, Mapping) else None
    return None if mode is None else str(mode)
