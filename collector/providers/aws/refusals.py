"""What botocore raises, translated: its exceptions and AWS' error codes become `collector.errors`.

The words of AWS are left out where it refuses credentials: its message about a wrong signature
repeats the signed headers, and a session token is one of them.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from collector.errors import (
    NotOfferedError,
    NotRecordedError,
    SourceChangedError,
    SourceDeniedError,
    SourceError,
    SourceUnavailableError,
)
from collector.http import DENIED, EXCERPT_LENGTH, NOT_RECORDED, UNAVAILABLE, retry_after_seconds

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

UNREADABLE = "the answer is not XML that can be read, nor JSON of a known form"
INSTALL = 'boto3 is not installed: pip install "spotcast[aws]"'

OPT_IN_REQUIRED = "OptInRequired"
AUTH_FAILURE = "AuthFailure"
"""A key that is not valid; a region that is not opted in says the same of every key."""

BUSY_CODES = {
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "InternalError",
    "InternalFailure",
    "KmsThrottled",
    "OverLimit",
    "PriorRequestNotComplete",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottledException",
    "ThrottlingException",
    "TooManyRequestsException",
    "Unavailable",
}
"""botocore's lists of what is worth another try, and EC2's words for its own faults
(docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html)."""

CHECK_KEY = "check the credentials"
CHECK_POLICY = "the policy of its user or role does not allow it"
CHECK_SESSION = "the session is over, or this machine's clock is wrong: renew it"
CHECK_REGION = "the credentials are not valid, or the region is not opted in"
DENIED_CODES = {
    "AccessDenied": CHECK_POLICY,
    "AccessDeniedException": CHECK_POLICY,
    "UnauthorizedOperation": CHECK_POLICY,
    AUTH_FAILURE: CHECK_REGION,
    "ExpiredToken": CHECK_SESSION,
    "ExpiredTokenException": CHECK_SESSION,
    "RequestExpired": CHECK_SESSION,
    "Blocked": "the account is blocked",
    "PendingVerification": "the account is not verified yet",
    "IncompleteSignature": CHECK_KEY,
    "InvalidAccessKeyId": CHECK_KEY,
    "InvalidClientTokenId": CHECK_KEY,
    "InvalidSecurity": CHECK_KEY,
    "MissingAuthenticationToken": CHECK_KEY,
    "SignatureDoesNotMatch": CHECK_KEY,
    "UnrecognizedClientException": CHECK_KEY,
}
"""What a person should look at, by code (the same page)."""

ACTIONS = {
    "GetCapacityManagerAttributes": "ec2:GetCapacityManagerAttributes",
    "GetCapacityManagerMetricData": "ec2:GetCapacityManagerMetricData",
    "GetSpotPlacementScores": "ec2:GetSpotPlacementScores",
    "LookupEvents": "cloudtrail:LookupEvents",
    "ReceiveMessage": "sqs:ReceiveMessage",
    "DeleteMessageBatch": "sqs:DeleteMessage",
}
"""What a policy calls the operations of ours that do not begin with Describe."""

UNKNOWN_KEY = {AUTH_FAILURE, "InvalidClientTokenId", "UnrecognizedClientException"}
"""What services say of a key that is not valid, or not in a region that is not opted in."""

NO_NEW_CONFIGURATION = "MaxConfigLimitExceeded"
DAY_SECONDS = 86_400.0
ADVICE_ON_CONFIGURATIONS = (
    "the account has asked for as many different placement scores as AWS allows in 24 hours (about "
    "50); those asked before stay free: declare fewer profiles, and change them rarely"
)

NO_SUCH_QUEUE = {"QueueDoesNotExist", "NonExistentQueue", "InvalidAddress"}

REFUSED = 400
SERVER_ERROR = 500


@contextmanager
def translated(source: str, *, is_opted_out: Callable[[], bool]) -> Generator[None]:
    """Turn what boto3 raises inside into ours.

    ``is_opted_out`` tells whether the account has not opted in to the region asked; it is called
    only where AWS leaves that open.

    Raises:
        SourceUnavailableError: throttled, down, or no connection, after botocore's own retries.
        SourceDeniedError: boto3, credentials or a permission are missing; says which.
        NotOfferedError: the region is not opted in; in replay, no payload is there.
        SourceChangedError: no XML, XML of another form, or an error of an unknown kind.
    """
    try:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - optional
        from botocore.parsers import ResponseParserError  # noqa: PLC0415 - optional
    except ImportError as error:
        raise SourceDeniedError(source, INSTALL) from error
    try:
        yield
    except ClientError as error:
        raise _refusal(source, error, is_opted_out) from error
    except ResponseParserError as error:
        raise SourceChangedError(source, UNREADABLE) from error
    except BotoCoreError as error:
        raise _trouble(source, error) from error
    except (AttributeError, TypeError, ValueError) as error:
        # botocore's parser lets through what a number, a time or a text for an object raises.
        raise SourceChangedError(source, f"a value cannot be read ({error})") from error


def _refusal(source: str, error: "ClientError", is_opted_out: Callable[[], bool]) -> SourceError:
    """What an error that AWS answered with asks for."""
    operation = error.operation_name
    told = error.response.get("Error", {})
    code = told.get("Code", "no code")
    about = error.response.get("ResponseMetadata")
    status = about["HTTPStatusCode"] if about else 0
    said = f"{operation} was refused: {code}"
    # In JSON, botocore finds the replay server's words in the message only.
    if NOT_RECORDED in (code, *told.get("Message", "").replace("<", ">").split(">")):
        return NotRecordedError(source, f"the folder holds no payload for {operation}")
    if code == OPT_IN_REQUIRED or (code in UNKNOWN_KEY and is_opted_out()):
        return NotOfferedError(source, f"{said}: the account has not opted in to the region")
    if code == NO_NEW_CONFIGURATION:
        return SourceUnavailableError(source, f"{said}: {ADVICE_ON_CONFIGURATIONS}", DAY_SECONDS)
    # SQS' older codes have the service before a dot.
    if code.rpartition(".")[2] in NO_SUCH_QUEUE:
        return SourceDeniedError(source, f"{said}: check the queue's URL in the settings")
    if code in BUSY_CODES or status in UNAVAILABLE or status >= SERVER_ERROR:
        wish = retry_after_seconds(about["HTTPHeaders"]) if about else None
        return SourceUnavailableError(source, f"{said} (HTTP {status})", wish)
    action = action_of(operation)
    if action is None:
        # No feed asks for this: botocore was on its way to credentials (AssumeRole and the like).
        return SourceDeniedError(source, f"{said}: check the role and who may assume it")
    if code in DENIED_CODES or status in DENIED:
        advice = DENIED_CODES.get(code, CHECK_KEY)
        return SourceDeniedError(source, f"{said}: {advice} (needs {action})")
    return SourceChangedError(source, f"{said}: {told.get('Message', '')[:EXCERPT_LENGTH]}")


def action_of(operation: str) -> str | None:
    """The action that a policy must allow for an operation of ours; None if it is not ours."""
    if operation.startswith("Describe"):
        return f"ec2:{operation}"
    return ACTIONS.get(operation)


def _trouble(source: str, error: "BotoCoreError") -> SourceError:
    """What an error on this side of the wire asks for."""
    from botocore import exceptions as botocore  # noqa: PLC0415 - optional

    if isinstance(
        error,
        (
            botocore.ConnectionError,
            botocore.HTTPClientError,
            botocore.IncompleteReadError,
            botocore.MetadataRetrievalError,
        ),
    ):
        return SourceUnavailableError(source, f"no connection ({error})")
    if isinstance(error, botocore.ParamValidationError):
        return SourceChangedError(source, f"botocore does not know the request ({error})")
    if isinstance(error, botocore.CredentialRetrievalError):
        # Its words repeat what a credential process of the user printed.
        return SourceDeniedError(source, "the credentials could not be fetched from their source")
    return SourceDeniedError(source, f"no usable credentials or settings ({error})")
