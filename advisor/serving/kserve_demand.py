"""What a served model asks of machines: a `Demand`, and each of its numbers with its source.

The steps of the serving contract, section 1.5. What the manifest itself asks for goes before what
is derived; what the runtime asks for by default (1 CPU, 2Gi) is no measure of a language model.
"""

import math
from dataclasses import dataclass

from advisor.demand import Demand
from advisor.demand_pods import GPUS
from advisor.lead_time_terms import IMAGE_GB
from advisor.serving.gpu_memory import GIB, REST_GIB, UTILIZATION, GpuMemory, Split, gpu_memory
from advisor.serving.kserve_objects import mapping_at
from advisor.serving.models import ASSUMED_PRECISION, Model, guessed
from advisor.serving.service import Mode, Service, Weights, requests_of
from advisor.units import MIB_PER_GIB

CONTEXT_TOKENS = 8192
"""Assumed where neither the manifest nor the user says a length: that of the contract's example."""

NODE_GIB = 20.0
"""Disk that the system and other images take; assumed, as the factors below."""
IMAGE_COPIES = 2.0
"""The image is on disk compressed and unpacked."""

MEMORY_SHARE_OF_WEIGHTS, MEMORY_REST_GIB, MEMORY_LEAST_GIB = 0.5, 8.0, 16.0
LIMIT_REST_GIB = 16.0
CPUS, CPUS_PER_GPU = 4, 2

HARDWARE_FORMAT = {"int4": "fp16", "fp4": "bf16"}
"""In which format a GPU computes with weights of which only the storage is that narrow."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user knows beside the manifest; None leaves it to the manifest."""

    context_tokens: int | None = None
    concurrency: int | None = None
    gpus: int | None = None
    image_gb: float = IMAGE_GB


@dataclass(frozen=True, slots=True)
class Working:
    """One number on the way to the demand: ``value`` None is not known."""

    name: str
    value: float | str | None
    unit: str
    source: str
    is_guess: bool = False


@dataclass(frozen=True, slots=True)
class ServiceDemand:
    """The demand of one machine of a service, with its workings.

    ``demand.count`` is the machines of all replicas at most. ``memory`` is None where the model or
    the number of GPUs is not known; ``least_memory`` is the same for one sequence.
    """

    service: Service
    model: Model | None
    demand: Demand
    split: Split | None
    memory: GpuMemory | None
    least_memory: GpuMemory | None
    context_tokens: int
    concurrency: int
    memory_request_gib: float | None
    memory_limit_gib: float | None
    cpus: int | None
    disk_gib: float | None
    workings: tuple[Working, ...]

    @property
    def is_guess(self) -> bool:
        """Whether anything of it rests on a guess."""
        return any(one.is_guess for one in self.workings)


def demand_of_service(service: Service, model: Model | None, asked: Asked) -> ServiceDemand:
    """What a machine must have to serve it.

    Raises:
        DemandError: what is asked for contradicts itself.
        ServingError: a quantity of the manifest is none.
    """
    book = _Book(service, model, asked)
    context, concurrency = book.context(), book.concurrency()
    split = book.split()
    memory = book.memory(split, context, concurrency)
    precision = book.precision()
    cpus, request, limit = book.host(split)
    disk = book.disk()
    total = None
    if split is None and model is not None:
        total = book.memory_of(Split(), context, concurrency).gib
        book.add("gpu_memory_total", total, "GiB", "GPUs are not said: all of them together")
    demand = Demand(
        gpus=book.gpus_of_machine(split),
        gpu_manufacturer=book.maker(),
        gpu_memory_min_gib=None if memory is None else math.ceil(memory.gib * 10) / 10,
        gpu_memory_total_min_gib=None if total is None else math.ceil(total * 10) / 10,
        precision=precision,
        vcpus_min=cpus,
        memory_min_gib=request,
        count=max(1, service.replicas_most * service.nodes),
    )
    book.replicas()
    return ServiceDemand(
        service,
        model,
        demand,
        split,
        memory,
        None if split is None or model is None else book.memory_of(split, context, 1),
        context,
        concurrency,
        request,
        limit,
        None if cpus is None else math.ceil(cpus),
        disk,
        tuple(book.workings),
    )


class _Book:
    """Writes each number down as it is found."""

    def __init__(self, service: Service, model: Model | None, asked: Asked) -> None:
        self.service, self.model, self.asked = service, model, asked
        self.workings: list[Working] = []
        if model is None:
            self.add("model", None, "", "neither size nor index was given; the name tells none")
            return
        guess = model.is_guess
        self.add("model", model.name, "", model.source, is_guess=guess)
        self.add("parameters", _billions(model), "billion", model.source, is_guess=guess)
        source = f"{model.source}, {model.precision or 'format not known'}"
        self.add("weights", self._weights_gb(), "GB", source, is_guess=guess)

    def add(
        self,
        name: str,
        value: float | str | None,
        unit: str,
        source: str,
        *,
        is_guess: bool = False,
    ) -> None:
        """Note a number."""
        self.workings.append(Working(name, value, unit, source, is_guess))

    def context(self) -> int:
        """Tokens of one sequence."""
        told = self.service.arguments.count("max-model-len")
        model_most = None if self.model is None else self.model.context_max_tokens
        for value, source in (
            (self.asked.context_tokens, "given"),
            (told, "--max-model-len"),
            (model_most, "max_position_embeddings of config.json: no --max-model-len is set"),
        ):
            if value is not None:
                self.add("context", value, "tokens", source)
                return value
        self.add("context", CONTEXT_TOKENS, "tokens", "assumed: none is said", is_guess=True)
        return CONTEXT_TOKENS

    def concurrency(self) -> int:
        """Sequences at once, each of full length."""
        predictor = mapping_at(self.service.manifest, "spec", "predictor")
        hard = predictor.get("containerConcurrency")
        target = predictor.get("scaleTarget")
        is_target = predictor.get("scaleMetric") == "concurrency"
        source = "containerConcurrency"
        if self.service.mode is not Mode.KNATIVE:
            source = "containerConcurrency, though nothing enforces it in this mode"
        for value, name in (
            (self.asked.concurrency, "given"),
            (hard, source),
            (target if is_target else None, "scaleTarget"),
        ):
            if isinstance(value, int) and value > 0:
                self.add("concurrency", value, "sequences", name)
                return value
        self.add("concurrency", 1, "sequences", "assumed: none is said", is_guess=True)
        return 1

    def split(self) -> Split | None:
        """How a replica is spread; None where the number of GPUs is not known."""
        service, given = self.service, self.asked.gpus
        tensor = given or service.tensor
        if tensor is None:
            if service.accelerators is not None and not service.accelerators.is_whole:
                self.add("gpus", None, "", f"{service.accelerators.resource} is no whole GPU")
            else:
                self.add("gpus", None, "", "no container that was seen asks for a GPU")
            return None
        if given:
            self.add("gpus", given, "", "given")
        elif service.accelerators is not None:
            self.add("gpus", tensor, "", f"{service.container_path}.resources or its arguments")
        elif service.misplaced is not None:
            source = f"{service.pod_path}.resources, where it does not count"
            self.add("gpus", tensor, "", source)
        else:
            self.add("gpus", tensor, "", "tensor parallelism")
        if service.pipeline > 1:
            self.add("pipeline", service.pipeline, "stages", "the manifest")
        return Split(tensor, service.pipeline)

    def gpus_of_machine(self, split: Split | None) -> int | None:
        """GPUs of one machine: as many as its pod asks for, whatever the engine makes of them.

        On several nodes KServe itself writes the tensor parallelism into the pods.
        """
        is_own = self.asked.gpus is None and self.service.nodes == 1
        if is_own and self.service.gpus is not None:
            return self.service.gpus
        return None if split is None else split.gpus // self.service.nodes

    def precision(self) -> str | None:
        """The format in which the GPU computes."""
        if self.model is None:
            return None
        told = self.service.arguments.precision
        found = told or self.model.precision or ASSUMED_PRECISION
        source = "its arguments" if told else self.model.source
        self.add("precision", found, "", source, is_guess=self.model.is_guess and not told)
        return HARDWARE_FORMAT.get(found, found)

    def memory(self, split: Split | None, context: int, concurrency: int) -> GpuMemory | None:
        """Memory per GPU; None where the model or its GPUs are not known."""
        if split is None or self.model is None:
            self.add("gpu_memory", None, "GiB per GPU", "the model or its GPUs are not known")
            return None
        found = self.memory_of(split, context, concurrency)
        kv_bytes, kv_guess, kv_source = self._kv()
        guess = kv_guess or self.model.is_guess
        each = f"{found.weights_gib:.1f} weights + {found.cache_gib:.1f} cache"
        source = f"({each} + {REST_GIB:g} rest) / {found.utilization:g} of the GPU"
        self.add("kv_cache", kv_bytes, "bytes per token", kv_source, is_guess=kv_guess)
        self.add("gpu_memory", round(found.gib, 1), "GiB per GPU", source, is_guess=guess)
        return found

    def memory_of(self, split: Split, context: int, concurrency: int) -> GpuMemory:
        """Memory per GPU for so many sequences of that length; the model is known."""
        return gpu_memory(
            weights_gb=self._weights_gb() or 0.0,
            kv_bytes_per_token=self._kv()[0],
            context_tokens=context,
            concurrency=concurrency,
            split=split,
            kv_heads=None if self.model is None else self.model.kv_heads,
            utilization=self.service.arguments.share("gpu-memory-utilization") or UTILIZATION,
        )

    def _weights_gb(self) -> float | None:
        if self.model is None:
            return None
        return self.model.loaded_gb(self.service.arguments.precision)

    def _kv(self) -> tuple[float, bool, str]:
        """Bytes of one token in the cache, whether that is a guess, and its source."""
        each = self.service.arguments.kv_bytes_each
        if self.model is None:
            return 0.0, True, "not known"
        exact = self.model.kv_bytes_per_token(each)
        if exact is not None:
            return exact, False, "2 x layers x key-value heads x head size x bytes"
        source = "guessed from the number of parameters: config.json was not given"
        return self.model.guessed_kv_bytes_per_token() * each / 2, True, source

    def host(self, split: Split | None) -> tuple[float | None, float | None, float | None]:
        """CPUs and memory (request and limit, GiB) of one machine's pod."""
        own = requests_of(self.service.own_container.get("resources"), self.service.title)
        gpus = self.gpus_of_machine(split)
        cpus: float | None = None if gpus is None else CPUS + CPUS_PER_GPU * gpus
        source = f"{CPUS} and {CPUS_PER_GPU} for each GPU: assumed"
        if "cpu" in own:
            cpus, source = own["cpu"] / 1000, f"{self.service.container_path}.resources"
        self.add("cpu", cpus, "vCPU", source)
        request = limit = None
        source = "half of the weights and 8 GiB, at least 16: assumed"
        if self.model is not None:
            weights_gib = self.model.weights_gb * 1e9 / GIB / self.service.nodes
            rest = MEMORY_SHARE_OF_WEIGHTS * weights_gib + MEMORY_REST_GIB
            request = max(MEMORY_LEAST_GIB, rest)
            limit = max(request, weights_gib + LIMIT_REST_GIB)
        guess = self.model is not None and self.model.is_guess
        if "memory" in own:
            request, guess = own["memory"] / MIB_PER_GIB, False
            source = f"{self.service.container_path}.resources"
        request = None if request is None else math.ceil(request * 10) / 10
        self.add("memory", request, "GiB", source, is_guess=guess)
        return cpus, request, limit

    def disk(self) -> float | None:
        """Disk of the node: the image, and the weights where they are copied to it."""
        image = self.asked.image_gb * 1e9 / GIB * IMAGE_COPIES
        if self.model is None and self.service.weights is not Weights.FLUID:
            self.add("disk", None, "GiB", "the model's size is not known")
            return None
        copied = self.service.weights in {Weights.INITIALIZER, Weights.SERVER, Weights.UNKNOWN}
        weights = self.model.weights_gb * 1e9 / GIB if self.model and copied else 0.0
        found = image + weights + NODE_GIB
        source = f"image {image:.0f} + weights {weights:.0f} + {NODE_GIB:g}: assumed"
        self.add("disk", math.ceil(found), "GiB", source, is_guess=bool(weights) and self.is_guess)
        return found

    @property
    def is_guess(self) -> bool:
        """Whether the model's size is a guess."""
        return self.model is not None and self.model.is_guess

    def maker(self) -> str | None:
        """Whose GPUs."""
        found = self.service.accelerators or self.service.misplaced
        return GPUS.get(found.resource, "nvidia") if found else "nvidia"

    def replicas(self) -> None:
        """Note the replicas."""
        service = self.service
        self.add("replicas_now", service.replicas_now, "", "the Deployment, or minReplicas")
        self.add("replicas_most", service.replicas_most, "", "maxReplicas, or minReplicas if more")
        if service.nodes > 1:
            self.add("machines_per_replica", service.nodes, "", "pipeline parallelism")


def _billions(model: Model) -> float | None:
    return None if model.parameters is None else round(model.parameters / 1e9, 2)


def sensible_context(model: Model | None) -> int:
    """A length to set where none is set: `CONTEXT_TOKENS`, or the model's own if that is less."""
    most = None if model is None else model.context_max_tokens
    return min(CONTEXT_TOKENS, most or CONTEXT_TOKENS)


def model_of_service(service: Service, precision: str | None = None) -> Model | None:
    """The model that a name in the manifest speaks of: a guess; None if none speaks of a size.

    ``precision`` is the format of its weights, where that is known.
    """
    names = (service.model_source, service.arguments.model_id, service.model_name, service.name)
    return next((found for name in names if name and (found := guessed(name, precision))), None)
