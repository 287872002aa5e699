"""ACS3-HMAC-SHA256, the signature on every request to Alibaba Cloud.

The official SDK is 88 MB installed and pins libraries that others need newer; the signature is
a page of code. It is compared with the SDK's own, byte for byte, in the tests.
"""

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import quote

ALGORITHM = "ACS3-HMAC-SHA256"

EMPTY_BODY_HASH = hashlib.sha256(b"").hexdigest()
"""What is signed for the body: all parameters travel in the query string."""


def canonical_query(query: Mapping[str, str]) -> str:
    """The query string as it is signed and sent: sorted, percent-encoded as RFC 3986 says."""
    return "&".join(
        f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}"
        for name, value in sorted(query.items())
    )


def authorization(
    method: str,
    path: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    *,
    body_hash: str,
    key_id: str,
    secret: str,
) -> str:
    """The ``Authorization`` header of one request.

    All of ``headers`` are signed: give ``host`` and every ``x-acs-*`` that is sent, and nothing
    that a proxy on the way may change.
    """
    signed = {name.lower(): value.strip() for name, value in headers.items()}
    names = ";".join(sorted(signed))
    lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
    canonical = "\n".join((method, path, canonical_query(query), lines, names, body_hash))
    to_sign = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    return f"{ALGORITHM} Credential={key_id},SignedHeaders={names},Signature={signature}"
