"""``POST /v1/replacements``: ask the guard to replace a node."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.security.principal import principal_of
from api.service.replacements import ReplacementDetailOut, ask_for_replacement, replacement_out
from api.web.headers import PRINTABLE
from api.web.problems import ERRORS
from api.web.service import Served

router = APIRouter(tags=["replacements"], responses=ERRORS)


class ReplaceIn(BaseModel):
    """Which node, and why."""

    model_config = ConfigDict(extra="forbid")

    node: str = Field(
        min_length=1, max_length=253, pattern=r"^[a-z0-9.-]+$", examples=["ip-10-0-0-1"]
    )
    reason: str = Field(
        default="maintenance",
        min_length=1,
        max_length=500,
        pattern=r"^[^\x00-\x1f\x7f]+$",
        description="For the Events and the audit.",
    )


@router.post("/replacements", status_code=HTTPStatus.ACCEPTED)
def post_replacement(
    request: Request,
    response: Response,
    service: Served,
    asked: ReplaceIn,
    key: Annotated[
        str | None,
        Header(
            alias="idempotency-key",
            min_length=1,
            max_length=200,
            pattern=PRINTABLE,
            description="The same key gives the same replacement, however often it is sent.",
        ),
    ] = None,
) -> ReplacementDetailOut:
    """Ask the guard of this server to replace a node, by the steps and budgets of `spotcast guard`.

    409 if no guard acts here, or the node must not be replaced now; the sentence says why.
    """
    by = principal_of(request).name
    replacement_id = ask_for_replacement(service, asked.node, asked.reason, by=by, key=key)
    response.headers["location"] = f"/v1/replacements/{replacement_id}"
    return replacement_out(service, replacement_id)
