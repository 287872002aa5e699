"""The whole API against its own document, by schemathesis: cases that fit it, and that do not.

`make fuzz` asks with many more.
"""

import os
from typing import Any

from api.app import create_app
from api.security.principal import Scope
from api.service.state import Service
from tests.support.fuzzing import operations, probe
from tests.support.served import Known, Nobody

CASES = int(os.environ.get("SPOTCAST_FUZZ_CASES", "2"))
"""For each operation, of each sort."""

LOCALHOST = {"host": "localhost"}

HEALTH = {"/healthz", "/readyz"}


def test_no_answer_is_a_server_error_or_breaks_its_schema(service: Service) -> None:
    # An open stream of events would never end.
    service.listeners.stop()
    app = create_app(service, Known(*Scope))
    counts = {one.label: probe(one, CASES, headers=LOCALHOST) for one in operations(app, LOCALHOST)}
    assert all(counts.values())


def test_who_is_not_known_gets_health_and_nothing_else(service: Service) -> None:
    service.markets.view()  # else it is not ready yet, which is 503
    known, unknown = create_app(service, Known(*Scope)), create_app(service, Nobody())

    def is_refused(response: Any) -> None:
        assert response.status_code in {401, 413, 429}, response.status_code

    for one in operations(known, LOCALHOST):
        check = {} if one.path in HEALTH else {"check": is_refused}
        assert probe(one, max(1, CASES // 8), headers=LOCALHOST, app=unknown, **check)
