"""``/v1/providers``, ``/v1/regions`` and ``/v1/instance-types``: what is known."""

from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from advisor import Demand, Policy
from api.service.asking import Name
from api.service.catalogue import (
    InstanceTypeDetail,
    InstanceTypePage,
    ProviderPage,
    RegionPage,
    instance_type_detail,
    instance_type_page,
    provider_page,
    region_page,
)
from api.service.wishes import Amount, DemandIn, Words
from api.web.paging import Cursor, Limit
from api.web.problems import ERRORS
from api.web.representation import pages, represented, tagged
from api.web.service import Served

router = APIRouter(tags=["catalogue"])

MAX_AGE = timedelta(minutes=5)
"""How long a client may keep what is known of a cloud: new types come a few times a month."""


class RegionQuery(BaseModel):
    """Of which cloud."""

    model_config = ConfigDict(extra="forbid")

    provider: Name | None = Field(default=None, examples=["aws"])


class ShapeQuery(BaseModel):
    """What a machine must have."""

    model_config = ConfigDict(extra="forbid")

    provider: Words = Field(default_factory=list, examples=[["aws"]])
    instance_type: Words = Field(
        default_factory=list, examples=[["g5.*"]], description="Types or patterns."
    )
    gpus: int | None = Field(
        default=None, ge=0, le=1_000, description="Exactly so many; 0 for none."
    )
    gpu_model: str | None = Field(default=None, max_length=100, examples=["L4"])
    gpu_manufacturer: Literal["nvidia", "amd", "any"] = "any"
    gpu_memory_min_gib: Amount | None = Field(default=None, description="Of each GPU, at least.")
    vcpus_min: Amount | None = None
    memory_min_gib: Amount | None = None
    architecture: Literal["amd64", "arm64"] | None = None
    limit: Limit = 100
    cursor: Cursor = None

    def demand(self) -> Demand:
        """As the advisor takes it.

        Raises:
            DemandError: the fields contradict each other.
        """
        wishes = self.model_dump(exclude={"provider", "instance_type", "limit", "cursor"})
        return DemandIn(**wishes).demand()

    def policy(self) -> Policy:
        """The clouds and types."""
        return Policy(providers=tuple(self.provider), types=tuple(self.instance_type))


@router.get("/providers", responses=pages("The clouds"), response_model=ProviderPage)
def get_providers(request: Request, service: Served) -> Response:
    """The clouds of which anything is known: regions, how many types and pools, how fresh."""
    return represented(request, provider_page(service), max_age=MAX_AGE)


@router.get("/regions", responses=pages("The regions"), response_model=RegionPage)
def get_regions(
    request: Request, service: Served, asked: Annotated[RegionQuery, Query()]
) -> Response:
    """The regions of which anything is known, with their zones."""
    return represented(request, region_page(service, asked.provider), max_age=MAX_AGE)


@router.get("/instance-types", responses=pages("The shapes"), response_model=InstanceTypePage)
def get_instance_types(
    request: Request, service: Served, asked: Annotated[ShapeQuery, Query()]
) -> Response:
    """Machine shapes, by cloud and name; with or without a spot price."""
    page = instance_type_page(
        service, asked.demand(), asked.policy(), limit=asked.limit, cursor=asked.cursor
    )
    return represented(request, page, max_age=MAX_AGE)


@router.get(
    "/instance-types/{provider}/{instance_type}",
    responses={304: {"description": "What you have is still the answer"}, **ERRORS},
    response_model=InstanceTypeDetail,
)
def get_instance_type(
    request: Request,
    service: Served,
    provider: Annotated[str, Path(max_length=200, examples=["aws"])],
    instance_type: Annotated[str, Path(max_length=200, examples=["g5.xlarge"])],
) -> Response:
    """One machine shape, where its cloud says that it is offered, and where more is told."""
    found = instance_type_detail(service, provider, instance_type)
    body = found.model_dump_json().encode()
    return tagged(request, body, "application/json", max_age=MAX_AGE)
