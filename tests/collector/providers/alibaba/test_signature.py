"""ACS3 signatures: ours against the official SDK's, recorded and live."""

import json
from pathlib import Path
from typing import Any

import httpx
from alibabacloud_tea_openapi.utils import Utils
from darabonba.request import DaraRequest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.providers.alibaba.signature import (
    ALGORITHM,
    EMPTY_BODY_HASH,
    authorization,
    canonical_query,
)

VECTOR = Path(__file__).parents[3] / "fixtures/payloads/alibaba/acs3_signing_vector.json"

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9.]{0,20}", fullmatch=True)
VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
HEADER_NAMES = st.from_regex(r"x-acs-[a-z-]{1,20}", fullmatch=True)


def test_the_recorded_signature_is_made_byte_for_byte() -> None:
    vector: dict[str, Any] = json.loads(VECTOR.read_text(encoding="utf-8"))

    made = authorization(
        vector["method"],
        vector["path"],
        vector["query"],
        vector["headers"],
        body_hash=EMPTY_BODY_HASH,
        key_id=vector["access_key_id"],
        secret=vector["access_key_secret"],
    )

    assert made == vector["expected_authorization"]
    assert vector["headers"]["x-acs-content-sha256"] == EMPTY_BODY_HASH


@settings(deadline=None)  # the first example imports and compiles
@given(
    query=st.dictionaries(NAMES, VALUES, max_size=6),
    headers=st.dictionaries(HEADER_NAMES, VALUES, max_size=4),
    secret=VALUES,
)
def test_any_request_is_signed_as_the_official_client_signs_it(
    query: dict[str, str], headers: dict[str, str], secret: str
) -> None:
    signed = {"host": "ecs.cn-beijing.aliyuncs.com", **headers}
    request = DaraRequest()
    request.method, request.pathname, request.query, request.headers = "POST", "/", query, signed
    official = Utils.get_authorization(request, ALGORITHM, EMPTY_BODY_HASH, "key", secret)

    made = authorization(
        "POST", "/", query, signed, body_hash=EMPTY_BODY_HASH, key_id="key", secret=secret
    )

    assert made == official


@settings(deadline=None)  # the first example imports and compiles
@given(query=st.dictionaries(NAMES, VALUES, max_size=6))
def test_the_query_is_sent_as_it_was_signed(query: dict[str, str]) -> None:
    url = httpx.URL(f"https://ecs.aliyuncs.com/?{canonical_query(query)}")

    assert url.query.decode() == canonical_query(query)
    assert dict(url.params.multi_items()) == query
