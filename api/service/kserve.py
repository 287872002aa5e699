"""Served models: what is wrong with their manifests, and what they ask of machines."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from advisor.lead_time import ImagePull
from advisor.lead_time_terms import IMAGE_GB
from advisor.serving.kserve_demand import Asked, ServiceDemand
from advisor.serving.kserve_findings import Surroundings, findings, subject_of
from advisor.serving.kserve_objects import Objects, objects_of
from advisor.serving.service import Mode
from advisor.serving.service import Service as Served
from api.errors import UsageError
from api.service.manifests_in import Manifests, manifests_in
from api.service.state import Service
from api.service.wishes import Words
from api.serving import (
    ModelSaid,
    check_notes,
    demand_document,
    demand_file,
    finding_row,
    offerings_in,
    services_in,
    unknown_notes,
    working_rows,
)

Precision = Literal["fp32", "bf16", "fp16", "fp8", "int8", "int4", "fp4"]
Size = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=100_000_000)]
File = Annotated[dict[str, Any], Field(max_length=10_000)]


class ServingFields(BaseModel):
    """Manifests of KServe with what belongs to them, and what is known of the model."""

    model_config = ConfigDict(extra="forbid")

    manifests: Manifests
    name: str | None = Field(default=None, max_length=253, description="Only this service.")
    index: File | None = Field(
        default=None, description="The model's model.safetensors.index.json: its size."
    )
    config: File | None = Field(
        default=None, description="Its config.json: layers, heads, number format."
    )
    parameters: Annotated[float, Field(gt=0, le=1e15, allow_inf_nan=False)] | None = Field(
        default=None, description="How many it has.", examples=[32.76e9]
    )
    weights_gb: Size | None = Field(default=None, description="Of all weight files together.")
    precision: Precision | None = Field(default=None, description="Format of the weights.")
    context_length: Count | None = Field(
        default=None, description="Tokens of one sequence, instead of the manifest's."
    )
    concurrency: Count | None = Field(default=None, description="Full sequences at once.")
    gpus: Annotated[int, Field(ge=1, le=1_000)] | None = Field(
        default=None, description="Instead of the manifest's."
    )
    image_gb: Size | None = Field(default=None, description="The server's image, compressed.")
    deployment_mode: Mode | None = Field(
        default=None, description="How the cluster runs services that do not say it."
    )

    def objects(self) -> Objects:
        """What is to be looked at.

        Raises:
            ManifestError: it is no manifest.
            ServingError: an object cannot be read.
        """
        return objects_of(manifests_in(self.manifests, "body.manifests"))

    def services(self, objects: Objects) -> list[Served]:
        """The services that are asked about.

        Raises:
            NoAnswerError: there is none.
        """
        return services_in(objects, self.deployment_mode, self.name, "body.manifests")

    def demand(self, service: Served) -> ServiceDemand:
        """What the service asks of machines.

        Raises:
            UsageError: what is said of the model contradicts itself.
        """
        said = ModelSaid(
            index=self.index,
            config=self.config,
            parameters=self.parameters,
            weights=self.weights_gb,
            weights_from="weights_gb",
            precision=self.precision,
        )
        image = IMAGE_GB if self.image_gb is None else self.image_gb
        return said.demand(service, Asked(self.context_length, self.concurrency, self.gpus, image))


class CheckIn(ServingFields):
    """The same, with what is known of cloud and market."""

    provider: Literal["aws", "alibaba", "gcp", "azure"] | None = Field(
        default=None, description="How much notice there is."
    )
    region: Words = Field(
        default_factory=list, description="Hold it against the machines of these regions as well."
    )
    cold_start_seconds: Annotated[float, Field(gt=0, le=86_400)] | None = Field(
        default=None, description="From the order of a machine to the first answer, as measured."
    )
    image_pull: ImagePull = Field(
        default=ImagePull.EAGER, description="How the image comes to a node."
    )


class DemandOfIn(ServingFields):
    """Manifests of KServe, and what is known of the model."""


class FindingOut(BaseModel):
    """One thing to mend."""

    severity: Literal["error", "warning", "info"]
    id: str = Field(examples=["KSERVE-CONTEXT-LENGTH"])
    service: str
    place: str = Field(description="The path in the manifest.")
    why: str
    fix: str
    is_mended: bool = Field(description="Whether `spotcast kserve patch` mends it.")


class CheckOut(BaseModel):
    """What is wrong with services on spot machines."""

    items: list[FindingOut]
    services: list[str]
    errors: int = Field(description="Findings that are errors.")
    as_of: datetime
    notes: list[str]


class WorkingOut(BaseModel):
    """How a number came about."""

    name: str
    value: Any
    unit: str | None
    is_guess: bool
    source: str
    service: str


class ServiceDemandOut(BaseModel):
    """What one machine of each service must have."""

    demands: dict[str, dict[str, Any]] = Field(
        description="By service; the fields of a demand file, for `spotcast rank --demand`."
    )
    items: list[WorkingOut] = Field(description="How each number came about.")
    as_of: datetime
    notes: list[str]
    file: str = Field(exclude=True)
    """The same as `spotcast rank --demand` reads it; a document for each service."""


def check_answer(service: Service, asked: CheckIn) -> CheckOut:
    """The findings.

    Raises:
        NoAnswerError: no service is in the manifests, or the market has nothing of the region.
        ManifestError: they are no manifests.
        ServingError: an object cannot be read.
        UsageError: a region without its cloud.
    """
    objects = asked.objects()
    around = Surroundings(
        objects,
        asked.provider,
        _offerings(service, asked),
        asked.cold_start_seconds,
        asked.image_pull,
    )
    subjects = [subject_of(asked.demand(one), around) for one in asked.services(objects)]
    judged = [(one, findings(one)) for one in subjects]
    found = [finding_row(one) for _, several in judged for one in several]
    return CheckOut(
        items=[FindingOut.model_validate(one) for one in found],
        services=[one.service.title for one in subjects],
        errors=sum(one["severity"] == "error" for one in found),
        as_of=service.clock(),
        notes=[text for one, several in judged for text in check_notes(one, several)],
    )


def _offerings(service: Service, asked: CheckIn) -> list[Any] | None:
    if not asked.region:
        return None
    if asked.provider is None:
        raise UsageError("give the provider as well: a region is one of a cloud's")
    offerings = service.markets.view().known.universe.offerings
    return offerings_in(offerings, asked.provider, asked.region)


def demand_answer(service: Service, asked: DemandOfIn) -> ServiceDemandOut:
    """The demands, and how they came about.

    Raises:
        NoAnswerError: no service is in the manifests.
        ManifestError: they are no manifests.
        ServingError: an object cannot be read.
    """
    needs = [asked.demand(one) for one in asked.services(asked.objects())]
    return ServiceDemandOut(
        demands={one.service.title: demand_document(one.demand) for one in needs},
        items=[WorkingOut.model_validate(row) for one in needs for row in working_rows(one)],
        as_of=service.clock(),
        file="---\n".join(map(demand_file, needs)),
        notes=[text for one in needs for text in unknown_notes(one.service, one)],
    )
