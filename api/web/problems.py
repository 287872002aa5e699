"""Errors as RFC 9457 problem documents, each naming what is wrong and how to mend it."""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from advisor.cluster import ClusterError
from advisor.errors import AdvisorError, DemandError, ManifestError
from api.errors import NoAnswerError, StaleDataError, UsageError
from api.guard.asking import RefusedError
from api.service.page import CursorError
from api.service.solving import RETRY_SECONDS, BusyError
from collector.errors import SourceError
from warehouse.errors import WarehouseBusyError, WarehouseError, WarehouseSpaceError

MEDIA_TYPE = "application/problem+json"

PROGRAMS = ("/v1/", "/api/")
"""What only programs ask for: there a problem is a document, whatever is accepted."""


class FieldError(BaseModel):
    """One thing that is wrong with a request."""

    field: str = Field(examples=["query.gpus"], description="Where: path, query, header or body.")
    detail: str = Field(examples=["Input should be greater than or equal to 0"])


class ProblemDocument(BaseModel):
    """The body of every error."""

    type: str = Field(default="about:blank", description="What kind of problem it is.")
    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str = Field(description="What went wrong, and how to mend it.")
    instance: str = Field(examples=["/v1/rankings"], description="The path that was asked.")
    request_id: str | None = Field(default=None, description="Find it in the log by this.")
    errors: list[FieldError] = Field(default_factory=list, description="Each wrong field.")


ProblemPage = Callable[[Request, ProblemDocument], Response]
"""Draws a problem for people; the application keeps it as ``state.problem_page``."""


class Problem(Exception):  # noqa: N818 - the standard's word
    """Ends a request with a problem document."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = [FieldError(field=field, detail=detail)] if field else []
        self.headers = dict(headers or {})


ERRORS: dict[int | str, dict[str, Any]] = {
    code: {"model": ProblemDocument, "content": {MEDIA_TYPE: {}}, "description": text}
    for code, text in {
        400: "The request is not HTTP as the server takes it",
        401: "No key, or one that is not valid",
        403: "The key does not allow this",
        404: "There is no such thing",
        408: "The body came too slowly",
        409: "It cannot be done now; `detail` says why",
        413: "The body is too large",
        421: "Without keys the server answers to localhost only",
        422: "A field is wrong; `errors` names it",
        429: "Too many requests; `Retry-After` says when to come back",
        503: "The data is not there yet, or cannot be read",
    }.items()
}
"""For ``responses=`` of a router: how each kind of error is documented."""

STATUS_OF: Sequence[tuple[type[Exception], HTTPStatus]] = (
    (DemandError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (ClusterError, HTTPStatus.SERVICE_UNAVAILABLE),
    (AdvisorError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (SourceError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (RefusedError, HTTPStatus.CONFLICT),
    (NoAnswerError, HTTPStatus.NOT_FOUND),
    (StaleDataError, HTTPStatus.CONFLICT),
    (BusyError, HTTPStatus.SERVICE_UNAVAILABLE),
    (CursorError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (UsageError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (WarehouseBusyError, HTTPStatus.SERVICE_UNAVAILABLE),
    (WarehouseSpaceError, HTTPStatus.INSUFFICIENT_STORAGE),
    (WarehouseError, HTTPStatus.SERVICE_UNAVAILABLE),
)
"""How errors of the inner parts end a request; their sentences are written for users."""


def document(
    request: Request,
    status: int,
    detail: str,
    *,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The response that tells of a problem."""
    told = ProblemDocument(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=request.url.path,
        request_id=getattr(request.state, "request_id", None),
        errors=list(errors),
    )
    sent = {"cache-control": "no-store", **(headers or {})}
    if drawn := _page(request, told):
        drawn.headers.update(sent)
        return drawn
    return JSONResponse(told.model_dump(), status, sent, MEDIA_TYPE)


def _page(request: Request, told: ProblemDocument) -> Response | None:
    """The problem as a page, for a person at a browser who is known; None for all others."""
    page: ProblemPage | None = getattr(request.app.state, "problem_page", None)
    is_known = getattr(request.state, "principal", None) is not None
    is_person = is_known and "text/html" in request.headers.get("accept", "")
    is_program = request.url.path.startswith(PROGRAMS)
    return page(request, told) if page and is_person and not is_program else None


def add_problems(app: FastAPI) -> None:
    """Let every error that is told to users end in a problem document.

    A fault of ours does so at the gate, which stands around the application.
    """
    app.exception_handler(Problem)(_problem)
    app.exception_handler(HTTPException)(_http)
    app.exception_handler(RequestValidationError)(_invalid)
    for kind, _ in STATUS_OF:
        app.exception_handler(kind)(_told)


def _problem(request: Request, error: Problem) -> Response:
    return document(request, error.status, error.detail, errors=error.errors, headers=error.headers)


def _http(request: Request, error: HTTPException) -> Response:
    return document(request, error.status_code, str(error.detail), headers=error.headers)


def _invalid(request: Request, error: RequestValidationError) -> Response:
    errors = [
        FieldError(
            field=".".join(str(part) for part in one["loc"]),
            detail=one["msg"].removeprefix("Value error, "),
        )
        for one in error.errors()
    ]
    named = "; ".join(f"{one.field}: {one.detail}" for one in errors)
    return document(request, HTTPStatus.UNPROCESSABLE_ENTITY, named, errors=errors)


def _told(request: Request, error: Exception) -> Response:
    status = next(status for kind, status in STATUS_OF if isinstance(error, kind))
    errors = []
    if isinstance(error, DemandError | ManifestError):
        errors = [FieldError(field=error.subject, detail=error.reason)]
    if isinstance(error, CursorError):
        errors = [FieldError(field="query.cursor", detail=str(error))]
    headers = {"retry-after": str(RETRY_SECONDS)} if isinstance(error, BusyError) else None
    return document(request, status, str(error), errors=errors, headers=headers)
