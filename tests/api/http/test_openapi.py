"""The whole API against its own document, by schemathesis: cases that fit it, and that do not.

`make fuzz` asks with many more.
"""

import os

from api.app import create_app
from api.security.principal import LocalAccess
from api.service.state import Service
from tests.support.fuzzing import operations, probe

CASES = int(os.environ.get("SPOTCAST_FUZZ_CASES", "6"))
"""For each operation, of each sort."""


def test_no_answer_is_a_server_error_or_breaks_its_schema(service: Service) -> None:
    app = create_app(service, LocalAccess())
    counts = {one.label: probe(one, CASES, headers={}) for one in operations(app, {})}
    print(f"{sum(counts.values()):,} cases of {len(counts)} operations")
    assert all(counts.values())
