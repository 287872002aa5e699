"""Served models as they are asked about: which services, what is said of their model, what follows.

For the commands of ``spotcast kserve`` and for the server; where the manifests come from is theirs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from advisor.demand import Demand
from advisor.karpenter.manifests import to_yaml
from advisor.serving.kserve_demand import Asked, ServiceDemand, demand_of_service, model_of_service
from advisor.serving.kserve_finding import Finding, Severity, Subject
from advisor.serving.kserve_objects import Objects
from advisor.serving.kserve_services import services_of
from advisor.serving.models import (
    Model,
    indexed,
    model_of_parameters,
    model_of_weights,
    precision_of,
    with_shape,
)
from advisor.serving.service import Mode, Service
from api.errors import NoAnswerError, UsageError
from warehouse.records import Offering


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSaid:
    """What is said of a model: its size, in one way, and its shape; each with where it is from.

    ``index`` and ``config`` are the files of the model's repository, ``weights`` GB.
    """

    index: Mapping[str, Any] | None = None
    index_from: str = "index"
    config: Mapping[str, Any] | None = None
    config_from: str = "config"
    parameters: float | None = None
    parameters_from: str = "parameters"
    weights: float | None = None
    weights_from: str = "weights"
    precision: str | None = None

    def model(self, service: Service) -> Model | None:
        """The model as it was described; else as its name tells, which is a guess.

        Raises:
            UsageError: two sizes are given, or a shape without one.
            ServingError: a file is none of a model's.
        """
        if sum(one is not None for one in (self.index, self.parameters, self.weights)) > 1:
            raise UsageError(
                f"give one of {self.index_from}, {self.parameters_from} and {self.weights_from}: "
                "each is the size"
            )
        precision = self.precision or (None if self.config is None else precision_of(self.config))
        model = self._sized(service, precision)
        if self.config is None:
            return model
        if model is None:
            raise UsageError(
                f"{self.config_from} tells no size: give the index, the parameters or the weights "
                "too"
            )
        return with_shape(model, self.config, self.config_from)

    def _sized(self, service: Service, precision: str | None) -> Model | None:
        """The model by the size that was given; else by its name, a guess."""
        name = service.model_source or service.model_name
        if self.index is not None:
            return indexed(self.index, name, precision, self.index_from)
        if self.parameters is not None:
            return model_of_parameters(name, self.parameters, precision, self.parameters_from)
        if self.weights is not None:
            return model_of_weights(name, self.weights, precision, self.weights_from)
        return model_of_service(service, precision)

    def demand(self, service: Service, asked: Asked) -> ServiceDemand:
        """What the service asks of machines.

        Raises:
            UsageError: as `model`.
        """
        return demand_of_service(service, self.model(service), asked)


def services_in(objects: Objects, mode: Mode | None, name: str | None, where: str) -> list[Service]:
    """The services that are asked about; ``where`` says in errors where they were looked for.

    Raises:
        NoAnswerError: there is none, or none of that name.
        ServingError: one cannot be read.
    """
    found = services_of(objects, mode)
    if not found:
        raise NoAnswerError(f"{where}: no InferenceService and no LLMInferenceService in it")
    if name is None:
        return found
    named = [one for one in found if one.name == name]
    if not named:
        raise NoAnswerError(f"no service {name!r}; there is {names_of(found)}")
    return named


def names_of(services: Sequence[Service]) -> str:
    """The services by name."""
    return ", ".join(one.name for one in services)


def finding_row(one: Finding) -> dict[str, Any]:
    """A finding as every format shows it."""
    return {
        "severity": one.severity.value,
        "id": one.id,
        "service": one.service,
        "place": one.place,
        "why": one.why,
        "fix": one.fix,
        "is_mended": one.is_mended,
    }


def check_notes(subject: Subject, found: Sequence[Finding]) -> list[str]:
    """What the findings of a service come to, and what could not be looked at."""
    service = subject.service
    counts = [
        f"{many} {kind.value}"
        for kind in Severity
        if (many := sum(one.severity is kind for one in found))
    ]
    notes = [
        f"{service.title}: {', '.join(counts) or 'nothing to mend'}.",
        *unknown_notes(service, subject.need),
    ]
    if subject.provider is None:
        notes.append("The cloud is not known: the provider tells how much notice there is.")
    return notes


def unknown_notes(service: Service, need: ServiceDemand) -> list[str]:
    """What is not known of a service, and what is a guess."""
    notes = [f"{service.title}: {text}." for text in service.unknown]
    if need.model is None:
        notes.append(
            f"{service.title}: the model's size is not known, and what follows of it was not "
            "checked: give its index, parameters or weights."
        )
    elif need.model.is_guess:
        notes.append(
            f"{service.title}: the model's size is {need.model.source}: "
            f"{need.model.weights_gb:.3g} GB is a guess until the index, the parameters or the "
            "weights say it."
        )
    return notes


def working_rows(need: ServiceDemand) -> list[dict[str, Any]]:
    """How each number of a demand came about."""
    return [
        {
            "name": one.name,
            "value": one.value,
            "unit": one.unit,
            "is_guess": one.is_guess,
            "source": one.source,
            "service": need.service.title,
        }
        for one in need.workings
    ]


def demand_document(demand: Demand) -> dict[str, Any]:
    """The fields that ask for something, as `advisor.demand_file` calls them."""
    found: dict[str, Any] = {}
    for one in fields(Demand):
        value = getattr(demand, one.name)
        if value != one.default or one.name in {"gpus", "count"}:
            is_size = one.name.endswith("_gib")
            found[one.name.removesuffix("_gib")] = f"{value:g} GiB" if is_size else value
    return {key: value for key, value in found.items() if value is not None}


def demand_file(need: ServiceDemand) -> str:
    """The demand as `rank --demand` reads it, its workings as comments."""
    lines = [f"# What one machine of {need.service.title} must have."]
    for one in need.workings:
        value = "unknown" if one.value is None else value_text(one.value)
        guess = " (guess)" if one.is_guess else ""
        unit = f" {one.unit}" if one.unit else ""
        lines.append(f"# {one.name}: {value}{unit}{guess}; {one.source}")
    return "\n".join([*lines, to_yaml([{"demand": demand_document(need.demand)}])])


def value_text(value: Any) -> str:
    """A number of a demand, with six digits that count."""
    return f"{value:,.6g}".replace(",", "") if isinstance(value, float) else str(value)


def offerings_in(
    found: Sequence[Offering], provider: str, regions: Sequence[str]
) -> list[Offering]:
    """The offerings of a cloud's regions, against which a service is held.

    Raises:
        NoAnswerError: there is none.
    """
    near = [
        one for one in found if one.pool.provider == provider and one.pool.region in set(regions)
    ]
    if not near:
        raise NoAnswerError(
            f"The warehouse has no spot prices of {provider} in {', '.join(regions)}."
        )
    return near
