"""``/api/v1/...``: the paths of cloudpilot-ai's price server, for clients made for that one.

Karpenter's provider for Alibaba Cloud asks them for its prices, and cloudpilot-ai's query client
for those of AWS.
"""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel

from api.service.price_lists import InstanceTypePrice, PriceList, RegionalInstancePrice
from api.web.problems import ERRORS
from api.web.representation import JSON, tagged
from api.web.service import Served

router = APIRouter(tags=["price server"])

MAX_AGE = timedelta(minutes=1)
"""How long a client may keep a list: about as long as we do."""

Region = Annotated[
    str, Path(max_length=50, pattern="^[a-z0-9-]+$", examples=["us-east-1"], description="Region.")
]
InstanceType = Annotated[
    str,
    Path(max_length=100, pattern="^[A-Za-z0-9._-]+$", examples=["g5.xlarge"], description="Type."),
]
ANSWERS: dict[int | str, dict[str, Any]] = {
    304: {"description": "What you have is still the answer"},
    **ERRORS,
}

OPEN_PATHS = ("/api/v1/aws/ec2/regions/", "/api/v1/alibabacloud/ecs/regions/")
"""Below these everybody may read, if the server is told so: the clients send no key."""

AWS, ALIBABA = (f"{one}{{region}}" for one in OPEN_PATHS)
OF_REGION, OF_TYPE = "/price", "/types/{instance_type}/price"


@router.get(AWS + OF_REGION, responses=ANSWERS, response_model=RegionalInstancePrice)
def get_aws_region(request: Request, service: Served, region: Region) -> Response:
    """Every EC2 type of a region, with its prices in USD."""
    found = _list(service, "aws", region)
    return _answer(request, found, found.prices)


@router.get(AWS + OF_TYPE, responses=ANSWERS, response_model=InstanceTypePrice)
def get_aws_type(
    request: Request, service: Served, region: Region, instance_type: InstanceType
) -> Response:
    """One EC2 type of a region, with its prices in USD."""
    found = _list(service, "aws", region)
    return _answer(request, found, found.of(instance_type))


@router.get(ALIBABA + OF_REGION, responses=ANSWERS, response_model=RegionalInstancePrice)
def get_alibaba_region(request: Request, service: Served, region: Region) -> Response:
    """Every ECS type of a region, with its prices in CNY."""
    found = _list(service, "alibaba", region)
    return _answer(request, found, found.prices)


@router.get(ALIBABA + OF_TYPE, responses=ANSWERS, response_model=InstanceTypePrice)
def get_alibaba_type(
    request: Request, service: Served, region: Region, instance_type: InstanceType
) -> Response:
    """One ECS type of a region, with its prices in CNY."""
    found = _list(service, "alibaba", region)
    return _answer(request, found, found.of(instance_type))


def _list(service: Served, provider: str, region: str) -> PriceList:
    view = service.markets.view()
    return service.price_lists.of(service.warehouse, service.settings, view, provider, region)


def _answer(request: Request, found: PriceList, told: BaseModel) -> Response:
    """The wire format has no place for an age: it is in the headers."""
    headers = {
        "spotcast-as-of": found.as_of.isoformat().replace("+00:00", "Z"),
        "spotcast-stale": str(found.is_stale).lower(),
    }
    body = told.model_dump_json(by_alias=True, exclude_none=True).encode()
    return tagged(request, body, JSON, max_age=MAX_AGE, headers=headers)
