"""The whole API against its own document, by schemathesis: cases that fit it, and that do not.

`make fuzz` asks with many more.
"""

import os

from api.app import create_app
from api.security.principal import Scope
from api.service.state import Service
from tests.support.fuzzing import operations, probe
from tests.support.served import Known

CASES = int(os.environ.get("SPOTCAST_FUZZ_CASES", "4"))
"""For each operation, of each sort."""

LOCALHOST = {"host": "localhost"}


def test_no_answer_is_a_server_error_or_breaks_its_schema(service: Service) -> None:
    # An open stream of events would never end.
    service.listeners.stop()
    app = create_app(service, Known(*Scope))
    counts = {one.label: probe(one, CASES, headers=LOCALHOST) for one in operations(app, LOCALHOST)}
    assert all(counts.values())
