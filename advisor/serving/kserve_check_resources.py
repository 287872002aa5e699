"""Checks of what a service asks of machines: GPUs in the right place, and large enough."""

from collections.abc import Iterator

from advisor.serving.engine import Engine
from advisor.serving.kserve_demand import sensible_context
from advisor.serving.kserve_finding import Finding, Severity, Subject
from advisor.serving.kserve_gpus import (
    Gpu,
    Terms,
    allowed_gpus,
    is_constrained,
    lets_machine,
    terms_of,
)
from advisor.serving.kserve_objects import mapping_at
from advisor.serving.service import amounts

NAMED = 5
"""GPUs named in a sentence."""


def check_resources(subject: Subject) -> Iterator[Finding]:
    """GPUs at the wrong level, none at all, limits that differ, the runtime's own 2Gi."""
    service = subject.service
    place = f"{service.container_path}.resources"
    misplaced, found = service.misplaced, service.accelerators
    if misplaced is not None:
        yield subject.finding(
            "RESOURCES-LEVEL",
            Severity.ERROR,
            f"{service.pod_path}.resources",
            f"{misplaced.resource} is asked for by the pod as a whole: KServe up to 0.14 drops the "
            "field, and since 0.15 Kubernetes refuses it (pod-level resources are cpu, memory and "
            "hugepages); the container gets no GPU, and KServe takes the image without one",
            f"Move {misplaced.resource} to {place}.",
        )
    elif found is None and service.engine is not Engine.OTHER and subject.need.model is not None:
        yield subject.finding(
            "NO-GPU",
            Severity.WARNING,
            place,
            "a language model's server asks for no GPU, so that KServe runs it on the CPU",
            "Ask for nvidia.com/gpu in requests and limits of the container.",
            mended=False,
        )
    if found is not None:
        held = service.container.get("resources")
        asked, most = (amounts(held, kind, service.title) for kind in ("requests", "limits"))
        if found.resource in asked and asked[found.resource] != most.get(found.resource):
            yield subject.finding(
                "GPU-LIMITS",
                Severity.ERROR,
                place,
                f"requests and limits of {found.resource} differ: Kubernetes refuses the pod",
                "Write the same number into both.",
            )
    yield from _runtime_resources(subject, place)


def _runtime_resources(subject: Subject, place: str) -> Iterator[Finding]:
    service = subject.service
    own = service.own_container.get("resources")
    asked = amounts(own, "requests", service.title) | amounts(own, "limits", service.title)
    is_server = service.engine is not Engine.OTHER and not service.is_llm
    if is_server and "containers" not in service.container_path and "memory" not in asked:
        yield subject.finding(
            "RUNTIME-RESOURCES",
            Severity.WARNING,
            place,
            "cpu and memory are left to the runtime, and KServe's own runtimes say 1 CPU and 2Gi: "
            "a language model's server is killed at that",
            "Ask for the cpu and memory that `spotcast kserve demand` derives.",
            mended=subject.need.memory_request_gib is not None,
        )


def check_parallelism(subject: Subject) -> Iterator[Finding]:
    """Tensor parallelism that the model, or the number of GPUs, does not allow."""
    service, model = subject.service, subject.need.model
    split = subject.need.split
    tensor = service.tensor if split is None else split.tensor
    if model is not None and model.heads is not None and tensor and model.heads % tensor:
        good = [one for one in (1, 2, 4, 8, 16) if model.heads % one == 0]
        yield subject.finding(
            "TP-HEADS",
            Severity.ERROR,
            f"{service.container_path}.resources",
            f"tensor parallelism of {tensor} does not divide the {model.heads} attention heads: "
            "vLLM does not start",
            f"Give it {' or '.join(map(str, good))} GPUs.",
            mended=False,
        )
    told = service.arguments.count("tensor-parallel-size")
    found = service.accelerators or service.misplaced
    gpus = found.count if found is not None and found.is_whole else None
    if service.engine is Engine.HUGGINGFACE and told and gpus and told != gpus:
        yield subject.finding(
            "TP-OVERRIDDEN",
            Severity.WARNING,
            f"{service.container_path}.args",
            f"--tensor-parallel-size={told} does nothing: KServe's Hugging Face server takes all "
            f"GPUs of the container, which are {gpus}",
            "Take the argument out, and ask for as many GPUs as it is to be spread over.",
            mended=False,
        )
    parallelism = mapping_at(service.manifest, "spec", "parallelism") if service.is_llm else {}
    # Data parallelism puts several engines into one container.
    is_data = any(one in parallelism for one in ("data", "dataLocal"))
    if service.engine is Engine.VLLM and gpus and tensor and not is_data:
        asked = tensor * (1 if service.nodes > 1 else service.pipeline)
        if asked != gpus:
            yield subject.finding(
                "TP-GPUS",
                Severity.ERROR if asked > gpus else Severity.WARNING,
                f"{service.container_path}.resources",
                f"the server is spread over {asked} GPUs, and its container has {gpus}",
                f"Ask for {asked} GPUs, or set the parallelism to {gpus}.",
                mended=False,
            )


def check_fit(subject: Subject) -> Iterator[Finding]:
    """A model that fits no GPU that its pod may land on, or not all of them."""
    service, need = subject.service, subject.need
    if need.least_memory is None:
        return
    terms = terms_of(service.title, service.pod)
    least = need.least_memory.gib
    gpus = allowed_gpus(terms, need.demand.gpu_manufacturer)
    fitting = [one for one in gpus if _fits(one, least, need.demand.precision)]
    place = f"{service.pod_path}.affinity"
    told = f"{least:.1f} GiB on each of its GPUs{' (a guess)' if need.is_guess else ''}"
    if gpus and not fitting:
        yield subject.finding(
            "MODEL-FITS-NO-GPU",
            Severity.ERROR,
            place,
            f"{need.context_tokens} tokens of one sequence take {told}, and the pod may only land "
            f"on {_listed(gpus)}",
            "Spread it over more GPUs, allow larger ones, or serve a quantised checkpoint.",
            mended=False,
        )
        return
    unfit = [one for one in gpus if one not in fitting]
    if unfit and not is_constrained(terms):
        yield subject.finding(
            "GPU-TOO-SMALL",
            Severity.WARNING,
            place,
            f"it takes {told}, and nothing keeps the pod off {_listed(unfit)}: there it never "
            "loads",
            "Require the GPU's memory by node affinity where nodes are labelled with it (AWS: "
            "karpenter.k8s.aws/instance-gpu-memory), and leave the types to the NodePool.",
            mended=subject.provider == "aws",
        )
    yield from _check_market(subject, terms, told)


def _check_market(subject: Subject, terms: Terms, told: str) -> Iterator[Finding]:
    """The same against the machines that can be bought."""
    if subject.offerings is None or subject.need.least_memory is None:
        return
    need = subject.need.demand
    left = [one for one in subject.offerings if lets_machine(terms, one)]
    least = subject.need.least_memory.gib
    fitting = [
        one
        for one in left
        if (one.instance_type.gpu_memory_gib or 0) >= least
        and (need.gpus is None or one.instance_type.gpu_count == need.gpus)
    ]
    if not fitting:
        yield subject.finding(
            "MODEL-FITS-NO-GPU",
            Severity.ERROR,
            f"{subject.service.pod_path}.affinity",
            f"it takes {told} of {need.gpus} GPUs, and none of the {len(left)} pools that the pod "
            "may land on has that",
            "Spread it over more GPUs, allow other types, or serve a quantised checkpoint.",
            mended=False,
        )


def _fits(gpu: Gpu, gib: float, precision: str | None) -> bool:
    has_format = precision is None or precision in gpu.model.architecture.formats
    return gpu.memory_gib >= gib and has_format


def _listed(gpus: list[Gpu]) -> str:
    names = [one.title for one in gpus]
    if len(names) <= NAMED:
        return ", ".join(names)
    return f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more"


def check_context(subject: Subject) -> Iterator[Finding]:
    """No limit of the context: vLLM then takes the model's own."""
    service, model = subject.service, subject.need.model
    is_server = service.engine is not Engine.OTHER and service.is_effective
    if model is None or not is_server or service.arguments.text("max-model-len") is not None:
        return
    most = model.context_max_tokens
    told = f"{most} tokens" if most else "often 131072 tokens"
    yield subject.finding(
        "CONTEXT-LENGTH",
        Severity.WARNING,
        f"{service.container_path}.args",
        f"without --max-model-len vLLM takes the model's own maximum, {told}, and does not start "
        "where the cache of one such sequence does not fit",
        f"Set --max-model-len, for example to {sensible_context(model)}.",
    )
