"""Cases of schemathesis for every operation of the API, and what must hold of every answer."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.core.result import Err

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
"""Not among them: that data which fits the schema is accepted. A demand may contradict itself."""

OPENAPI = "/v1/openapi.json"

Operation = Any
"""One of schemathesis, which does not export the type."""


def operations(app: FastAPI, headers: Mapping[str, str]) -> Iterator[Operation]:
    """Every operation that the document describes; ``headers`` are needed to read it."""
    schema = schemathesis.openapi.from_asgi(OPENAPI, app, headers=dict(headers))
    for found in schema.get_all_operations():
        if isinstance(found, Err):
            raise found.err()
        yield found.ok()


def probe(
    operation: Operation,
    count: int,
    check: Callable[[Any], None] = lambda _: None,
    *,
    headers: Mapping[str, str],
    app: FastAPI | None = None,
) -> int:
    """Ask with up to ``count`` cases that fit the schema, and as many that do not.

    ``check`` is called with each response, beside `CHECKS`. ``app`` is asked instead of the
    application that the operation is of. Returns how many cases there were.
    """
    asked = 0
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=count,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=[HealthCheck(one) for one in HealthCheck],
        )
        def ask(case: Any) -> None:
            nonlocal asked
            asked += 1
            response = case.call(headers=dict(headers), **({"app": app} if app else {}))
            case.validate_response(response, checks=CHECKS)
            check(response)

        try:
            ask()
        except Exception as error:
            if "Unsatisfiable" not in type(error).__name__:
                raise
    return asked
