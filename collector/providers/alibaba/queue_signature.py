"""How a request to a queue of Alibaba Cloud is signed: SMQ (once MNS) has its own way.

It follows the official client (aliyun-mns-sdk 1.3.0); a vector that this client made is among the
test payloads.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping

SIGNED_PREFIX = "x-mns-"


def authorization(
    method: str, target: str, headers: Mapping[str, str], *, key_id: str, secret: str
) -> str:
    """The ``Authorization`` header of one request without a body.

    ``target`` is path and query as they are sent. Of ``headers`` the date and all that begin with
    `SIGNED_PREFIX` are signed; their names are in lower case.
    """
    own = "".join(
        f"{name}:{headers[name]}\n" for name in sorted(headers) if name.startswith(SIGNED_PREFIX)
    )
    # The two empty lines are the body's MD5 and its type.
    to_sign = f"{method}\n\n\n{headers['date']}\n{own}{target}"
    # SHA-1 is what the service takes; as an HMAC it is not broken.
    digest = hmac.new(secret.encode(), to_sign.encode(), hashlib.sha1).digest()
    return f"MNS {key_id}:{base64.b64encode(digest).decode()}"
