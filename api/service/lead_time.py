"""How long until a replacement serves on each cloud, and what of it must be foreseen."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from advisor.hazards import NOTICE
from advisor.lead_time import ImagePull, WeightLoad
from advisor.lead_time_choices import Choice, choices
from advisor.lead_time_learning import REMEMBERED
from advisor.lead_time_terms import IMAGE_GB, Start
from advisor.replacement.settings import DRAIN
from api.output import Format
from api.rows.lead_time import LONGEST, choice_rows, far_notes
from api.service.page import Page
from api.service.state import Service
from warehouse.records import StartDuration
from warehouse.starts import starts_since

Size = Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)]
"""GB, or billions of parameters: fifty times the largest models that are public in 2026."""
Text = Annotated[str, Field(max_length=1_000)]
Cloud = Literal["aws", "alibaba", "gcp", "azure"]

BASIS = (
    "A term that was seen in your own clusters is measured; what was never seen is by figures "
    "that others have published, or assumed: each names its source."
)


class StartIn(BaseModel):
    """What is started, and how. Sizes in GB of 10^9 bytes."""

    model_config = ConfigDict(extra="forbid")

    weights_gb: Size = Field(
        examples=[65.5], description="Of the model: how large it is decides most."
    )
    parameters_billion: Size | None = Field(
        default=None, description="Else as many as the weights are in bf16."
    )
    image_gb: Size = Field(default=IMAGE_GB, description="As its registry stores it; that of vLLM.")
    provider: list[Cloud] = Field(
        default_factory=list, max_length=10, description="All if not given.", examples=[["aws"]]
    )
    instance_type: Text | None = Field(default=None, description="Its own starts count most.")
    image: Text | None = Field(default=None, description="As pods name it: its own pulls count.")
    model: Text | None = Field(default=None, description="URI as pods name it: its loads count.")
    image_pull: ImagePull = Field(default=ImagePull.EAGER, description="How images come to a node.")
    weight_load: WeightLoad = Field(
        default=WeightLoad.INITIALIZER, description="How weights come to the server."
    )
    warm_node: bool = Field(default=False, description="A node with its GPU and the image waits.")
    cold_cache: bool = Field(default=False, description="Fluid's cache must be filled first.")
    compile_cache: bool = Field(default=False, description="torch.compile's cache is on a volume.")
    enforce_eager: bool = Field(default=False, description="The engine compiles nothing.")
    drain_seconds: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = Field(
        default=DRAIN.total_seconds(), description="Until the old node has ended its work."
    )
    correlation: Annotated[float, Field(ge=0, le=0.99, allow_inf_nan=False)] = Field(
        default=0.0, description="Of the terms: what is slow in one is slow in all."
    )

    def starts(self) -> list[Start]:
        """One start for each cloud that is asked about."""
        return [
            Start(
                provider=cloud,
                weights_gb=self.weights_gb,
                image_gb=self.image_gb,
                parameters_billion=self.parameters_billion,
                image_pull=self.image_pull,
                weight_load=self.weight_load,
                has_warm_node=self.warm_node,
                has_warm_cache=not self.cold_cache,
                has_compile_cache=self.compile_cache,
                enforces_eager=self.enforce_eager,
                instance_type=self.instance_type,
                image=self.image,
                model=self.model,
            )
            for cloud in dict.fromkeys(self.provider or NOTICE)
        ]


class TermOut(BaseModel):
    """One part of a start."""

    part: str = Field(examples=["boot"])
    p50_seconds: float
    p90_seconds: float
    observed: int = Field(description="Own starts that it was learned from; 0: it is a default.")
    set_aside: int = Field(description="Own starts that were too far from the others to count.")
    source: str = Field(description="Where the figures come from.")


class LeadTimeOut(BaseModel):
    """One way to start on one cloud."""

    provider: str = Field(examples=["aws"])
    choice: str = Field(
        examples=["as asked"], description="As asked, or with one acceleration, or several."
    )
    image_pull: str
    weight_load: str
    has_warm_node: bool
    has_compile_cache: bool
    p50_seconds: float
    p90_seconds: float
    p95_seconds: float = Field(description="What is planned with.")
    drain_seconds: float
    notice_seconds: float = Field(description="That the cloud gives before it takes a machine.")
    horizon_seconds: float = Field(
        description="How far ahead a loss must be known: p95 and drain less the notice."
    )
    is_within_reach: bool = Field(description="Whether forecasts reach so far (24 h).")
    saves_seconds: float = Field(description="Less to be foreseen than as asked; below 0: more.")
    terms: list[TermOut]


class LeadTimePage(Page[LeadTimeOut]):
    """The start as asked on each cloud, then with each acceleration that it lacks."""


def starts_found(
    service: Service, asked: StartIn
) -> tuple[Sequence[Choice], Sequence[StartDuration]]:
    """Each way to start on each cloud, and what was seen of own starts.

    Raises:
        StartError: the start cannot be.
    """
    now, starts = service.clock(), asked.starts()
    clouds = [one.provider for one in starts]
    with service.reading() as warehouse:
        history = starts_since(warehouse, now, now - REMEMBERED, providers=clouds)
    drain = timedelta(seconds=asked.drain_seconds)
    found = [
        one
        for start in starts
        for one in choices(start, history, now, drain=drain, correlation=asked.correlation)
    ]
    return found, history


def lead_time_page(service: Service, asked: StartIn) -> LeadTimePage:
    """By published figures and by what was seen of own starts.

    Raises:
        StartError: the start cannot be.
    """
    found, history = starts_found(service, asked)
    return LeadTimePage.model_validate(
        {
            "items": [
                {**row, "is_within_reach": one.lead.horizon <= LONGEST}
                for row, one in zip(choice_rows(found, Format.JSON), found, strict=True)
            ],
            "as_of": service.clock(),
            "data_as_of": min((one.observed_at for one in history), default=None),
            "notes": [BASIS, *far_notes(found)],
        }
    )
